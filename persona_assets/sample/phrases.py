"""Texts that do not depend on the persona: sentence templates, answers, small talk, and five other languages."""

from typing import NamedTuple


class Language(NamedTuple):
    """Sentences of one language, from which the texts of simulated posts are put together."""

    openings: tuple[str, ...]
    sentences: tuple[str, ...]
    gap: str  # between two sentences


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


# Templates for a topic's words. No verb agrees with a placeholder, so that singular and plural fit.
SENTENCE_TEMPLATES = _lines("""
    Cannot stop thinking about {thing} today.
    Unpopular opinion: too much fuss about {thing}, not enough about {other}.
    Finally had time to {doing} and it went better than last week.
    Can someone explain {thing} to me as if I were five?
    A whole evening lost to {thing}, and happy about it.
    Small victory of the day: managed to {doing} without help.
    Asking for a friend who has trouble with {thing}.
    Ten years in and I still learn something new about {thing}.
    First {thing}, now {other}. What a week.
    You either love {thing} or you have not tried to {doing}.
    Reminder to myself: {doing} tomorrow, before work.
    Made a list of what went wrong: {thing}, {other}, me.
    Looking for advice on {thing}, the beginner kind.
    Good morning to everyone who got up early to {doing}.
    Somebody asked me about {thing} and I talked for an hour.
    Note to beginners: {doing} slowly, the rest will follow.
    Watched a video about {thing} and now I want to {doing}.
    The difference between {thing} and {other} is mostly patience.
    Tried to {doing} today. We do not talk about the result.
    Everything I know about {thing} I learnt by getting it wrong.
""")

REPLY_TEMPLATES = _lines("""
    Same here, {thing} took me years to understand.
    Have you tried to {doing} first? It helped me a lot.
    Agreed about {thing}, but what about {other}?
    I would {doing} and see whether it gets better.
    That sounds exactly like my trouble with {thing}.
    Lucky you! Around here {thing} would never work out.
    My answer is always the same: {doing}, then wait.
    Nobody believes me when I say that about {thing}.
    Send us a picture when you {doing}, please!
    This is the best thing I have read about {thing} all week.
    Not sure that I agree. For me it was {thing} and only {thing}.
    Thanks for that, now I need to {doing} too.
""")

GENERIC_REPLIES = _lines("""
    Thank you so much, that made my morning!
    Oh no, I am sorry to hear that.
    This made me laugh out loud on the bus.
    Congratulations, you really deserve it.
    I was about to write the very same thing.
    Where can I read more about this?
    Absolutely, and I wish more people would say it.
    Ha, that is one way to look at it.
    Hope that it all works out for you.
    Wait, how did I never know this?
""")

SMALL_TALK = _lines("""
    Coffee first, then we can talk about {moment}.
    The train is late again and {moment} is gone.
    Does anybody have plans for {moment}?
    It has been raining since {moment} and I have run out of books.
    Slept badly, but the sunrise was worth it.
    New haircut, nobody noticed, typical for {moment}.
    My phone is at three percent, so this is goodbye until {moment}.
    Cooked too much pasta again, come over on {moment}.
    The dentist was kind and I still dread {moment}.
    Why do all meetings end up on {moment}?
    My neighbour practises the trumpet, every day, until {moment}.
    I cleaned the flat and found eleven missing socks.
    Good night everybody, see you after {moment}.
    Please recommend a film for {moment}, nothing sad.
    My boss said we should circle back after {moment}.
    I have a cold and the whole city sounds far away.
    Paid all my bills, so soup until {moment}.
    A stranger held the door for me and it saved {moment}.
""")
MOMENTS = _lines("""
    Monday
    the weekend
    Thursday evening
    my lunch break
    the holidays
    next month
    this afternoon
    my birthday
    the long weekend
    tomorrow morning
""")

EMOJI = ("\N{GRINNING FACE}", "\N{FIRE}", "\N{SPARKLES}", "\N{HEAVY BLACK HEART}", "\N{SEE-NO-EVIL MONKEY}")

OTHER_LANGUAGES: dict[str, Language] = {
    "de": Language(
        _lines("""
            Guten Morgen zusammen!
            Ich verstehe das alles nicht mehr.
            Was für ein Tag heute.
            Mal eine ernste Frage an euch alle:
            Endlich ist Wochenende.
        """),
        _lines("""
            Der Zug hat schon wieder eine Stunde Verspätung.
            Wer von euch kennt ein gutes Rezept für Kartoffelsuppe?
            Gestern Abend haben wir lange über das neue Buch gesprochen.
            Meine Nachbarin hat mir frische Äpfel aus ihrem Garten geschenkt.
            Das Wetter könnte wirklich ein bisschen besser werden.
            Ich habe den ganzen Nachmittag nur Mails beantwortet.
            Warum muss man für jedes Formular ins Rathaus gehen?
            Am Sonntag fahren wir mit den Rädern an den See.
        """),
        " ",
    ),
    "es": Language(
        _lines("""
            Buenos días a todos.
            No me lo puedo creer.
            Una pregunta para los que saben:
            Qué semana tan larga llevamos.
            Por fin en casa.
        """),
        _lines("""
            Esta mañana el autobús ha llegado tarde otra vez.
            Mi abuela hace las mejores croquetas de toda la ciudad.
            Alguien me puede recomendar una película para esta noche.
            Llevo tres horas esperando en la cola del ayuntamiento.
            Ayer vimos el mar y los niños no querían volver a casa.
            Necesito unas vacaciones y todavía falta mucho para el verano.
            El partido fue aburrido, pero la cena con los amigos estuvo muy bien.
            Se me ha olvidado comprar pan y ya está todo cerrado.
        """),
        " ",
    ),
    "pt": Language(
        _lines("""
            Bom dia, pessoal.
            Não acredito nisso.
            Alguém mais está cansado hoje?
            Que saudade do mar.
            Finalmente chegou a sexta-feira.
        """),
        _lines("""
            O ônibus atrasou de novo e eu perdi a reunião.
            Minha mãe fez um bolo de cenoura maravilhoso ontem à noite.
            Vocês conhecem algum lugar bom para almoçar no centro?
            Passei a tarde inteira arrumando a casa e ainda não terminei.
            Hoje choveu tanto que a rua virou um rio.
            Não consigo parar de ouvir essa música, ela é muito boa.
            Amanhã começa o curso e eu ainda não comprei os livros.
            O cachorro do vizinho latiu a noite toda e ninguém dormiu.
        """),
        " ",
    ),
    "fr": Language(
        _lines("""
            Bonjour à toutes et à tous.
            Je n'en peux plus.
            Une question pour ceux qui savent :
            Quelle belle journée aujourd'hui.
            Enfin rentré à la maison.
        """),
        _lines("""
            Le train de ce matin était encore en retard de vingt minutes.
            Ma voisine m'a apporté des confitures de son jardin.
            Quelqu'un connaît-il un bon restaurant près de la gare ?
            Nous avons marché toute la journée sous la pluie.
            Je ne trouve plus mes clés et je dois partir dans cinq minutes.
            Hier soir nous avons parlé de ce livre pendant des heures.
            Il faudrait vraiment que je range mon bureau cette semaine.
            Les enfants ont préparé un gâteau au chocolat pour leur grand-père.
        """),
        " ",
    ),
    "ja": Language(
        _lines("""
            おはようございます。
            今日はとても疲れました。
            ちょっと聞いてください。
            やっと週末ですね。
            ただいま帰りました。
        """),
        _lines("""
            電車がまた遅れていて会議に間に合いませんでした。
            昨日の夜は友だちと一緒に美味しいラーメンを食べました。
            明日は雨が降るらしいので傘を忘れないようにします。
            新しい本を買ったけれど読む時間がありません。
            近所の公園で桜が少しずつ咲き始めています。
            猫が机の上で寝ているので仕事ができません。
            今年の夏はどこか遠くへ旅行に行きたいです。
            おすすめの映画があったらぜひ教えてください。
        """),
        "",
    ),
}
