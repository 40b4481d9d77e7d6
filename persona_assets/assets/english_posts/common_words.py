# ruff: noqa: RUF001 - Turkish has an i without a dot
"""Common words of the languages that are most often confused in short texts in Latin script.

Function words, everyday words and words of chats, written down for this project from general knowledge: a few hundred
for English, the usual language to keep, and about a hundred for each other. The lists need not be complete: they decide
on texts that are too short for the statistics of a language detector. A word that two languages share counts for
neither, so that lists may overlap.
"""

# Keys: the languages (ISO 639-1) that share a list because a few words are not enough to distinguish them.
COMMON_WORDS = {
    "en": """
        the and of that it you he she we they i i'm i've i'll i'd you're you've you'll you'd he's she's it's
        we're we've we'll they're they've they'll that's what's there's here's who's where's how's let's don't
        doesn't didn't isn't aren't wasn't weren't won't wouldn't can't cannot couldn't shouldn't haven't hasn't
        hadn't ain't y'all dont doesnt didnt isnt arent wasnt wont wouldnt cant couldnt shouldnt havent im ive
        ill youre thats whats theres theyre my your his her its our their mine yours ours theirs myself yourself
        himself herself itself ourselves themselves him them us this these those there here where when what
        which who whom whose why how with without for from by at about above after again against all almost
        along already although always among another any anybody anymore anyone anything anyway around away back
        because been before behind being below between both but be are were has had have having does did done
        doing could would should might must shall will can may get gets got gotten getting give gives gave given
        giving go goes gone going went gonna gotta wanna make makes made making know knows knew known think
        thinks thought thinking say says said saying tell tells told see sees saw seen seeing look looks looked
        looking want wants wanted need needs needed feel feels felt feeling find finds found keep keeps kept let
        leave left call called try tries tried trying ask asked work works worked working take takes took taken
        taking comes came coming use used using put mean means meant start started run running play played
        playing watch watched watching wait waiting hear heard read reading write writing wrote love loves loved
        loving like likes liked hate hates hope hoping wish miss missed missing thank thanks please sorry hello
        hey hi bye yes yeah yep nope okay good great best better bad worse worst nice happy sad beautiful
        amazing awesome pretty cute funny crazy weird stupid cool hot cold big small little long short old new
        young high low full hard easy right wrong true false real sure ready time times day days today tonight
        tomorrow yesterday week weeks weekend month year years morning night afternoon evening hour hours minute
        minutes monday tuesday wednesday thursday friday saturday sunday people person someone something
        somebody sometimes everyone everything everybody every each nobody nothing none never ever friend
        friends family girl girls boy boys guy guys woman women men kid kids baby mom dad mother father brother
        sister life world home house school job money thing things way ways place lot lots bit part end head
        heart hand hands eye eyes face body mind name word words story song music game games team movie show
        book phone car room door water food dinner lunch breakfast coffee drink drinking eat eating sleep
        sleeping first second last next other others own same such only just even still yet too very much many
        more most less least few some several enough then than though through under until up down out off over
        into onto upon since while once if or so now not nor neither either really actually probably maybe
        perhaps definitely literally totally seriously finally one two three four five six seven eight nine ten
        hundred thousand million stop stopped live living lives die died dead kill killed talk talking talked
        walk walking turn turned turns bring brought buy bought pay paid send sent stay change changed follow
        following followed win won winning lose lost losing move moving open close believe understand remember
        forget learn help happen happened seem seems become became cause followers tweet tweets tweeting post
        posted posting photo picture video check join share latest news weather wind temperature humidity rain
        lol omg lmao lmfao idk tbh wtf smh ppl bc cuz tho thru tryna u ur r gf bf bro dude damn shit fuck
        fucking ass hell haha birthday congratulations congrats enjoy enjoyed enjoying welcome wonderful lovely
        glad proud excited tired bored hungry sick lucky perfect fun lazy drunk across inside outside near far
        early late later soon ago often usually white black red blue green city town street road country state
        park beach church store shop bar pub club office hospital building airport station god jesus christmas
        holiday party wedding vacation trip worth bout wow ugh yay aww oh ok
    """,
    "es": """
        que de la el los las un una unos unas y en por para con sin sobre del al se lo le les su sus mi mis tu
        tus te nos es son está están estoy estás era fue ser hay pero más muy ya no si como cuando donde quien
        porque todo toda todos todas nada algo este esta esto estos estas ese esa eso hoy mañana ayer ahora
        siempre nunca también tan bien mal bueno buena mejor gracias hola amigo amiga amor vida día dias noche
        casa quiero quiere tengo tiene voy va vamos soy eres somos hace hacer puede puedo jaja jajaja jajajaja
        feliz gente cosas así aquí allá contigo conmigo dios mas q xq pq asi
    """,
    "pt": """
        o os as um uma uns umas do da dos das no na nos nas em pelo pela com sem não nao sim eu você voce vc vcs
        tu ele ela nós eles elas meu minha meus minhas seu sua teu tua isso isto aqui ali já ja só tá ta tô to
        foi sou é são ser estou está ter tem tenho fazer vai vou mais muito muita bem bom boa dia tarde noite
        hoje amanhã ontem agora sempre nunca também tambem porque pra pro quem quando onde tudo nada gente amo
        saudade obrigado obrigada rs rsrs mto mt pq hj
    """,
    "fr": """
        le les des du et est dans pour pas plus sur avec sans sous je il elle nous vous ils elles mon ton son ma
        sa mes tes ses notre votre leur ce cette ces qui quoi dont où ou mais donc car si oui non c'est j'ai
        t'es suis sont était avoir être fait faire va vais bien très tres trop tout tous toute jamais toujours
        aussi comme quand alors merci bonjour bonne soir jour nuit demain aujourd'hui mdr ptdr moi toi lui chez
        quel quelle ça ca deja déjà
    """,
    "it": """
        il lo gli uno di che non per sono sei siamo hai ha ho abbiamo hanno mi ti ci vi si più anche come cosa
        questo questa quello quella sto stai fare fatto bene male bello bella buon buona buongiorno grazie ciao
        oggi domani ieri sempre mai tutto tutti niente io noi voi loro mio mia tuo tua suo sua nel nella della
        dei delle degli dal dalla sul con ma perché perche quando dove chi è
    """,
    "de": """
        der die das den dem des ein eine einen einem einer eines und ist sind war waren nicht mit auf für von zu
        zum zur im am bei nach aus über unter ich du er sie es wir ihr mich dich mir dir uns euch mein meine
        dein deine sein seine kein keine auch noch nur schon sehr so wie wenn weil dass aber oder doch mal ja
        nein heute morgen gestern jetzt immer nie alles nichts was wer wo warum gut habe hast hat haben hab bin
        bist werden wird kann muss will guten danke
    """,
    "nl": """
        de het een en van ik jij je hij zij wij we jullie mijn jouw zijn haar ons niet met op voor aan uit naar
        bij als maar want dat dit deze die ook nog al wel geen er is ben bent heb hebt heeft hebben was waren
        wordt word kan kunnen moet moeten ga gaan gaat komt doen goed lekker leuk mooi vandaag morgen gisteren
        nu altijd nooit alles niets wat wie waar hoe dan toch heel veel meer echt gewoon
    """,
    "id ms": """
        yang dan di ke dari untuk dengan ini itu ada tidak tak gak ga nggak ngga enggak bukan aku saya gue gw
        kamu lu lo kau dia kita kami mereka apa siapa kapan mana kenapa bagaimana gimana sudah udah dah belum
        belom akan mau bisa boleh harus juga lagi lg saja aja sama buat kalau kalo klo karena krn tapi tp atau
        jadi jd sangat banget bgt sekali lebih semua orang hari malam pagi siang sore besok kemarin sekarang
        terima kasih makasih selamat jangan jgn nya kok sih dong deh nih tuh ya yg utk dgn pada dalam seperti
        masih pun para oleh lah nak je dekat kat tengok macam ni tu korang awak tau sendiri rumah makan tidur
        hati cinta ayo teman allah amin yaa wkwk wkwkwk hehe
    """,
    "tl": """
        ang ng mga sa na ay ako ko mo siya niya kami tayo natin namin kayo ninyo sila nila ito iyan iyon yan
        yung yun dito diyan doon hindi wala walang may meron mayroon pa po naman lang rin din nga ba kasi pero
        kung kapag kaya para dahil ano sino saan kailan bakit paano ikaw ka kita gusto ayaw mahal sana talaga
        sobra lahat araw gabi bukas ngayon kahapon salamat pag nang hahaha hahahaha eh ha
    """,
    "tr": """
        bir ve bu şu o da de ki mi mı mu mü için icin ile gibi çok cok daha en ama fakat ben sen biz siz onlar
        beni seni bana sana benim senin ne neden nasıl nasil kim nerede zaman var yok değil degil evet hayır iyi
        güzel guzel kötü şey sey olarak olan oldu olsun oluyor diye her hiç hic bile sonra şimdi simdi bugün
        bugun yarın gün gece kadar artık artik işte iste ya abi lan allah günaydın
    """,
    "sv da no": """
        och det att är som en ett på inte jag du han hon vi ni de den med för av till om har hade var men kan
        ska så nu vara bli blir mig dig sig min din mitt ditt när vad hur bara mycket bra også og jeg ikke er
        til af et der for at skal vil meg deg hun når hva hvad hvor bare god dag idag tack tak takk hej hei
        meget noe noget
    """,
    "fi": """
        ja on ei se että oli mutta kun niin nyt vain myös olen olet ovat minä sinä hän me te he mitä missä miksi
        kiitos hyvää tänään huomenna aina
    """,
    "pl": """
        i w na z do nie się sie to jest że ze jak ale co po tak za od ja ty my wy oni mnie mi ci cię jestem masz
        mam tylko jeszcze już juz bardzo dziś dzisiaj jutro dobrze dzień dobry czy może tego
    """,
    "ro": """
        și si nu cu la ce mai din pentru este sunt eu tu el ea noi voi dar sau
    """,
    "ca": """
        amb els les això aixo molt però quan jo tinc
    """,
    "cs sk": """
        je se že ale jsem není tak jako jen už
    """,
    "hr sr bs": """
        je su sam nije što sto kako samo
    """,
    "hu": """
        hogy nem az és egy meg van volt csak
    """,
    "sw": """
        na ya wa kwa ni la za katika hii sana mimi wewe yeye kila siku leo
    """,
    "ht": """
        ou pou mwen nou yo pa ki ak nan
    """,
    "af": """
        ek die nie het is en jy hy sy ons vir
    """,
}
