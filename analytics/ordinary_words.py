"""Names of places that mean other things in a Romanian listing, and words before street names.

Written as `place_names.folded` leaves them, words one space apart. A name in these lists is
believed only when its city or county stands in the same texts too.
"""

_LANDSCAPE = """
balta chei coasta crang crangu deal dealu dealul fantana fantanele garla iaz iazu insula izvor
izvoarele izvoru izvorul lac lacu lacul lacuri lunca luncile magura movila ostrov ostrovu padure
padurea padureni parau paraul piatra pietrele piscu piscul plai plaiu podis poiana poieni
poienile prund prundu vale valea zavoi zavoiu
"""
_TREES = """
artar brad bradet bradu brazi brazii cires ciresu crini fag fagetu frasin frasinu gradina
gradinile livada livezi livezile meri mesteacan nuc nucet nuci paltin pin plop plopi plopii plopu
plopilor salcia salcii salcioara stejar stejari stejaru stejarul tei teiu teius trei stejari ulmi
ulmu vie vii viile viisoara visani visina
"""
_BUILDINGS = """
bai baia baie baile biserica bloc bucatarie camera castel castelu castelul cetate
cetatea colonia conac constructia cula curtea
fabric fabrica ferma gara gura hanu hotel manastirea mina moara odai odaia odaile palas palat
palatu parc parcul pod podu podul primaria scoala spital statia statiunea turn turnu vama vila
"""
_DIRECTIONS = """
cartier cartierul centru sat satu satul sector sectorul targ targu zona
"""
_QUALITIES = """
alb alba aurora bogata bogati bucuria buna calda casa casele central centrul dulce est frumoasa
frumosu galbeni gloria gri jos libertatea mare mica mobila model modelu modern muncii negru nord
nou noua noul noi pacea progresul rece recea rosie rosu seaca soarelui speranta sud sus unirea
unirii verde veche vechi vest victoria victoriei viitorul
"""
_PEOPLE = """
adam ana anton avram iancu averescu balcescu brancoveni brancusi cantemir cogalniceanu cosbuc
creanga dacia david decebal elena eminescu eva florin grigore grigorescu gruia iancu ilie ioana
iris kogalniceanu lazar luca maria matei mihai mircea ovidiu paul pavel petru roman romana simion
sofia stefan titu titulescu toma traian vasile victor vlad vladimirescu vlaicu voda vulcan
"""
_OTHER_PLACES = """
america aradului astra banat bucium bucovina bulgaria coiciu coresi craiter cug dambovita dobrogea
domenii europa florilor frumusani galata gheorgheni grecia inel inelul italia lipovei lunei
marasti moldova muntenia oltenia peninsula regie steaua tineretului transilvania universitate
universitatii
"""
_INFLECTED = "carei matca motru ruda rudele seini breaza ianca"
_PHRASES = """
1 decembrie, 1 mai, 11 iunie, 13 septembrie, 16 februarie, 2 mai, 23 august, alexandru cel bun,
andrei muresanu, aurel vlaicu, avram iancu, balta alba, buna ziua, casa noua, centru istoric,
centrul civic, centrul istoric, centrul vechi, colonia 1 mai, cuza voda, deal mare, dealu mare,
dimitrie cantemir, faleza nord, gara de nord, gara nord, george cosbuc, george enescu,
intre lacuri, ion creanga, ion roata, lunca mare, maresal averescu, mihai bravu, mihai eminescu,
mihai viteazu, mihail kogalniceanu, mircea voda, nicolae balcescu, nicolae iorga,
nicolae titulescu, parcul mare, piata alba iulia, piata romana, piata unirii, piata universitatii,
piata victoriei, piatra alba, pietrele albe, podu ros, podu rosu, poiana mare, regele ferdinand,
regina maria, satu nou, satul nou, stefan cel mare, stefan voda, timpuri noi, trei stejari,
tudor vladimirescu, valea cetatii, valea lunga, valea mare, valea rosie, valea verde, vila noua
"""

ORDINARY_NAMES = frozenset(
    " ".join(
        (
            *(_LANDSCAPE, _TREES, _BUILDINGS, _DIRECTIONS),
            *(_QUALITIES, _PEOPLE, _OTHER_PLACES, _INFLECTED),
        )
    ).split()
) | frozenset(phrase.strip() for phrase in _PHRASES.split(","))
"""Of towns, sectors and neighbourhoods: words, first names, heroes that streets are named for."""

QUALITY_NAMES = frozenset(_QUALITIES.split()) - {"unirii", "victoriei"} | {"buna ziua", "casa noua"}
"""Of these, what describes a home or greets the reader (`casa noua Brașov`): in a title they count
only behind a word of INTRODUCTIONS."""

INTRODUCTIONS = {
    "city": ("sat", "satul", "com", "comuna", "orasul", "localitatea"),
    "sector": ("zona",),
    "neighbourhood": ("zona", "cartier", "cartierul"),
}
"""By level, words that say that a name follows."""

ORDINARY_COUNTIES = frozenset({"alba", "olt"})
"""White; a river. Other counties are believed by name."""

_KNOWN_TOWNS = """
agigea, apahida, azuga, baile herculane, baile olanesti, balotesti, bran, busteni,
chiajna, corbeanca, cornetu, costinesti, dobroesti, eforie nord, eforie sud, ghimbav, ghiroda,
gilau, giroc, mogosoaia, predeal, selimbar, snagov, stefanestii de jos, techirghiol, tunari
"""
KNOWN_TOWNS = frozenset(town.strip() for town in _KNOWN_TOWNS.split(","))
"""Small towns of the housing market whose names mean nothing else: believed alone."""

STREET_WORDS = (
    *("strada", "str", "strazii", "bulevardul", "bulevard", "bdul", "bd", "b  dul", "blvd"),
    *("calea", "soseaua", "sos", "aleea", "al", "intrarea", "intr", "splaiul", "fundatura"),
    *("prelungirea", "pasajul"),
)
"""What follows one of these names a street: `Strada Brașov` is no place in Brașov."""

NEAR_WORDS = (
    *("aproape  de", "langa", "minute  de", "min  de", "metri  de", "m  de", "km  de"),
    *("vizavi  de", "vecin  cu", "vecinatatea", "apropiere  de", "apropierea", "proximitatea"),
    *("spre", "inspre", "catre", "pana  in", "pana  la", "acces  la", "legatura  cu"),
)
"""What follows one of these names what is near, not where the home is."""
