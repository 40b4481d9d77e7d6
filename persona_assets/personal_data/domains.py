"""Tell domain names from words with a dot between them, by their top-level domain."""

# Generic top-level domains that sites of people and organisations use. IANA's list has 1,200 more, most of them brands.
_GENERIC = """
com org net edu gov mil int info biz name pro museum aero coop jobs mobi travel cat post tel asia arpa onion
app dev page blog site website online web store shop shopping tech technology cloud digital network systems software
computer codes code engineering solutions services support agency company business ventures capital finance financial
money bank insurance fund holdings consulting marketing media press news today world live life style fashion clothing
art arts gallery design studio photography photo photos pictures pics film movie video tube tv radio music band audio
games game play fun lol wtf ninja guru expert rocks cool sexy wiki zone space place town city land house homes garden
cafe coffee bar pub pizza kitchen recipes restaurant food beer wine vodka farm eco green earth energy solar bio
health healthcare clinic care dental doctor hospital fitness yoga run bike football golf soccer tennis hockey team
club social community chat email foundation charity church faith family baby kids dog pet pets horse fish wedding
love dating singles gay lgbt school academy college university education training courses study science institute
center works tools industries international global group gmbh ltd llc inc limited law legal lawyer attorney vote
democrat republican voting army navy airforce moe ink pink red blue black xyz top vip icu cyou club buzz one best
link click help how ooo soy dad phd esq foo channel eus gal bzh scot wales cymru irish london berlin hamburg koeln
cologne bayern ruhr wien paris nyc boston miami vegas tokyo osaka kyoto nagoya amsterdam brussels vlaanderen gent
barcelona madrid africa joburg capetown durban sydney melbourne quebec swiss tirol istanbul moscow
zip mov fyi gift gifts cards cash deals sale discount exchange market markets trade trading express delivery taxi cab
cars car auto autos motorcycles parts repair rentals apartments properties property estate realty immo immobilien
builders construction contractors plumbing lighting glass camera cheap free hosting host domains download directory
guide reviews review report reisen tours travel flights cruises vacations holiday hotel hotels tickets events show
theater theatre dance actor author book books reading ist monster mom ngo ong observer
example test invalid localhost local internal
"""
# Country codes of ISO 3166 that are delegated, and .uk, .eu and .su.
_COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf
cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg
gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn
kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na
nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh
si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve
vg vi vn vu wf ws ye yt za zm zw
"""
_TOP_LEVEL = frozenset((_GENERIC + _COUNTRIES).split())
# Also words, which follow a full stop without a space, and endings of file names: more than "word.word" is needed.
_AMBIGUOUS_LABELS = """
it is in no at be me to us my am as do id so la al et im ma pa re si um by ps py sh md rs zip mov one how best today
live life love help free play fun run cool show place world home page post name cat team works top red blue black
green pink energy food car cars dog kids baby family school news care game games book books reading money cash art
music video link click test example local internal code parts dad mom reviews review report events channel band space
city land town house pub bar beer wine cheap sale deals gift market trade express delivery guide vote navy army ist
bike fish horse law legal doctor hospital
"""
_AMBIGUOUS = frozenset(_AMBIGUOUS_LABELS.split())
# Of an ambiguous domain of two labels, from this many characters the first is taken for a site's name and not a word.
_LONG_LABEL = 10
# Products that are written as a domain is.
_PRODUCTS = frozenset({"asp.net", "vb.net", "ado.net", "ml.net"})


def is_top_level_domain(label: str) -> bool:
    """Return whether a label such as "com" is a top-level domain, in upper or lower case."""
    label = label.lower()
    return label in _TOP_LEVEL or label.startswith("xn--")


def is_ambiguous_top_level_domain(label: str) -> bool:
    """Return whether a top-level domain is also a common word or a file extension, such as "is" or "py"."""
    return label.lower() in _AMBIGUOUS


def count_domain_characters(host: str, *, has_path: bool) -> int:
    """Return the length of the domain name that `host` starts with; 0 if it is only words with dots between them.

    Args:
        host: At least two labels with dots between them.
        has_path: Whether a path follows, which words do not have.
    """
    if host.lower() in _PRODUCTS:
        return 0
    labels = host.split(".")
    if has_path:
        return len(host) if is_top_level_domain(labels[-1]) else 0
    while len(labels) > 1:
        if is_top_level_domain(labels[-1]):
            certain = (
                not is_ambiguous_top_level_domain(labels[-1])
                or (len(labels) > 2 and not is_ambiguous_top_level_domain(labels[-2]))  # noqa: PLR2004 - a subdomain
                or len(labels[0]) >= _LONG_LABEL
                or any(not character.isalpha() for character in labels[0])
            )
            # A word that begins a sentence has a capital; a domain is written in one case.
            if certain and not (labels[-1][0].isupper() and labels[-1][1:].islower() and labels[0].islower()):
                return len(".".join(labels))
        labels.pop()
    return 0
