"""The words that tables use for a missing value, a label, a sex, and in an age."""

_MISSING = """
unknown|unk|unkn|not known|not reported|not stated|not specified|unspecified|not recorded|not available
not applicable|not provided|not given|not collected|not documented|not disclosed|undisclosed|declined
declined to answer|declined to state|declined to specify|patient declined|patient declined to answer
refused|patient refused|refused to answer|prefer not to say|prefer not to answer|unable to obtain
missing|n/a|n.a.|n. a.|na|n/k|n/s|none|nil|null|nan|<na>|#n/a|?|??|???|-|--|---|–|—|.|..|...|_|()
unknown/not specified|unknown or not reported|unknown/not reported|unknown / not reported|no data
no information|blank|empty|undefined|undetermined|indeterminate
unbekannt|keine angabe|k. a.|k.a.|inconnu|inconnue|non renseigné|desconocido|desconocida|no consta
desconhecido|desconhecida|não informado|sconosciuto|onbekend|okänd|ukendt|ukjent|nieznane
"""
MISSING = frozenset(_MISSING.strip().replace("\n", "|").split("|"))
"""Compared in lower case, with single blanks."""

POSITIVE = frozenset(
    "1 true t yes y positive pos + present ja oui si sí sim sì vrai wahr".split()
)
NEGATIVE = frozenset("0 false f no n negative neg absent nein non não nao nej faux falsch".split())
UNCERTAIN = frozenset(
    "-1 u uncertain unsure equivocal maybe possible probable questionable ? indeterminate unclear".split()
)

FEMALE = frozenset(
    """
    female femal woman women girl fem f weiblich frau mädchen w femme féminin feminin féminine fille
    mujer femenino femenina hembra mulher feminino feminina donna femmina femminile vrouw vrouwelijk
    kvinna kvinnlig kvinde kvinne k nainen kobieta žena nő kadın kadin жен женский женщина ж 女 女性 여 여성
    """.split()
)
MALE = frozenset(
    """
    male man men boy m männlich maennlich mann junge homme masculin garçon h hombre masculino varón
    varon homem uomo maschio maschile mannelijk manlig mand mies mężczyzna muž férfi erkek муж мужской
    мужчина 男 男性 남 남성
    """.split()
)
OTHER_SEX = frozenset(
    "o other x d divers diverse nonbinary non-binary intersex ambiguous".split()
)

SPANISH = frozenset("h hombre varón varon mujer femenino femenina hembra masculino".split())
"""Where any of them occurs, M may mean *mujer*."""
YEARS = frozenset(
    "y yr yrs year years yo y/o y.o. a an ans año años anos anno anni j jahr jahre jaar år let lat".split()
)
MONTHS = frozenset("m mo mos mon month months mois mes meses mese mesi monat monate maand".split())
WEEKS = frozenset("w wk wks week weeks semaine semaines semana semanas woche wochen".split())
DAYS = frozenset("d day days jour jours día días dia dias giorno giorni tag tage dag dagen".split())
