"""The topics of planted personas: ten topics, each with its own nouns, verb phrases and sentences.

A sentence may have the placeholders `{thing}`, `{other}` (another thing) and `{doing}` (a verb phrase). With the
templates of `phrases.py` a topic has more than thirty sentences, and thousands with all values of the placeholders.
"""

from typing import NamedTuple


class Topic(NamedTuple):
    """The nouns, verb phrases and sentences from which the texts of one planted persona are generated."""

    things: tuple[str, ...]
    doings: tuple[str, ...]
    sentences: tuple[str, ...]


def _topic(things: str, doings: str, sentences: str) -> Topic:
    """Return a topic from texts with things and doings separated by semicolons, and one sentence per line."""
    return Topic(
        tuple(" ".join(thing.split()) for thing in things.split(";")),
        tuple(" ".join(doing.split()) for doing in doings.split(";")),
        tuple(line.strip() for line in sentences.strip().splitlines()),
    )


TOPICS: dict[str, Topic] = {
    "gardening": _topic(
        """the late frost; my seed trays; the runner beans; a row of leeks; the compost bin; leaf mould; the cold
        frame; rhubarb crowns; the allotment; sweet pea seedlings; vine weevils; the water butt; heavy clay soil""",
        """prick out the lettuce; earth up the potatoes; weed between the onions; net the cabbages; sieve the
        compost; tie in the climbing rose; sow another row of radishes; dig over the bean bed; divide the hostas""",
        """
        Pulled the first radishes of the year and the soil still smells of winter.
        Slugs ate the seedlings overnight, so {thing} will have to wait.
        If you garden on clay, {doing} before the rain and never after it.
        My allotment neighbour swears by {thing}; I only swear at {other}.
        Frost tonight: fleece over the beds and fingers crossed for {thing}.
        The seed catalogue came. My garden is tiny and I have ordered for a farm.
        Three barrows of manure later my back knows every plant by name.
        Wanted to {doing} and weeded the path for two hours instead.
        First bumblebee on the crocuses, so the garden is open again.
        Nobody warned me how much of gardening is {thing}.
        Tomatoes on every windowsill, and still no room for {thing}.
        Bare roots arrived in the post and it is time to {doing}.
        Watering at dusk, listening to a blackbird, admiring {thing}.
        Pruned too hard again. The roses will forgive me, or not.
        """,
    ),
    "astronomy": _topic(
        """the Orion nebula; a six inch reflector; Saturn's rings; my star charts; Jupiter's moons; a globular
        cluster; the zodiacal light; finder scopes; comet tails; averted vision; a variable star; the lunar
        terminator; dew heaters""",
        """polar align the mount; collimate the mirror; sketch the craters; split a double star; hunt for
        galaxies; calibrate the dark frames; wait for the moon to set; log the occultation; swap the eyepiece""",
        """
        Clear sky at last and the telescope has been cooling in the yard since dinner.
        Saw the shadow of a moon cross Jupiter and forgot that my feet were frozen.
        Clouds rolled in two minutes after I managed to {doing}.
        Spent the night with {thing} and regret nothing but the alarm clock.
        Seeing was awful, transparency was fine, {thing} looked like soup.
        Averted vision is a superpower: {thing} appeared when I looked away.
        The neighbours put up a floodlight, so goodbye faint galaxies.
        From a dark site you can see {thing} without any optics at all.
        A meteor right through the field of view while I tried to {doing}.
        Light from that galaxy left before there were any people to look at it.
        Our observing club will {doing} on Friday, bring a red torch.
        Stacked four hours of exposures and {thing} finally shows some colour.
        Never clean an eyepiece with your shirt, said every astronomer, too late.
        Orbit solved: that smudge beside {thing} really was the asteroid.
        """,
    ),
    "football": _topic(
        """our left back; the away end; a late equaliser; the offside flag; a goalless draw; the new manager;
        the relegation fight; stoppage time; our keeper; the penalty spot; a back three; the derby; loan signings""",
        """press the full backs; defend a corner; track the runner; park the bus; win a second ball; shoot from
        outside the box; bring on a striker; clear it off the line; keep a clean sheet""",
        """
        Ninety minutes of sideways passing and then a header from nowhere.
        We cannot {doing} to save our lives and the league table shows it.
        Ref had a nightmare, but {thing} cost us the match.
        Sang for the whole second half, lost my voice, lost the game.
        Put the academy lads on the pitch, they at least know how to {doing}.
        Two goals up at half time and you still knew that {thing} was coming.
        The video referee took five minutes to look at {thing}.
        Cup replay on a wet Tuesday night is what football is for.
        Our captain limped off, so somebody else has to {doing}.
        If the striker scores on Saturday I will apologise to {thing}.
        Season tickets went up again while the midfield went missing.
        Best save of the season, and nobody on television will mention it.
        Told my dad the score and he still talks about {thing} in 1987.
        Three points, an ugly win, and I would not change a minute of it.
        """,
    ),
    "baking": _topic(
        """my rye sourdough; the proving basket; a soggy bottom; laminated dough; a tray of brioche; malted flour;
        the oven stone; cardamom buns; an open crumb; choux pastry; the lemon curd; a wet dough; burnt crust""",
        """fold the dough; feed the sourdough; rub in the butter; score the loaf; whip the egg whites; temper the
        chocolate; blind bake the tart; weigh the flour; rest the pastry""",
        """
        The kitchen smells of yeast and cinnamon and I am not leaving it.
        Loaf number four this week, and at last {thing} is what I hoped for.
        Always {doing} before you heat the oven, I learnt it the hard way.
        My sourdough starter is older than my cat and needs more care.
        Opened the oven too early and the sponge cake sank like a stone.
        Swapped half of the water for buttermilk and {thing} came out so soft.
        Recipe says twenty minutes, my oven says otherwise, ask {thing}.
        Flour on the floor, flour on the dog, buns on the table.
        You do not need a mixer to {doing}, only time and a podcast.
        Overnight in the fridge does more for bread than any amount of kneading.
        Brought cookies to the office and became very popular for ten minutes.
        The crust sings when it cools, that is how you know {thing} worked.
        Grandmother's handwriting says butter the size of an egg, so I guess.
        Tried to {doing} at midnight and woke the whole house.
        """,
    ),
    "climbing": _topic(
        """the crux move; a two finger pocket; my belay partner; slabby granite; the campus board; chalked
        holds; a long runout; the heel hook; sandstone friction; trad gear; an overhang; sore fingertips; the
        anchor bolts""",
        """clip the third bolt; flash the warm up; trust the footholds; match on the sloper; tape the fingers;
        rest on the jug; tie the figure eight; spot the landing; down climb the slab""",
        """
        Fell off the last move again and the whole gym saw it.
        Finally sent the project: new shoes, cold rock, and {thing} went first try.
        Read the route twice, then forget all of it at {thing}.
        Climbing grades are a joke and the joke is on {thing}.
        Six weeks of hangboard and I can just about {doing}.
        The crag was empty, the rock was dry, and we climbed until dark.
        Bouldering with strangers: nobody talks, everybody helps you {doing}.
        Rained off after one pitch, so we sat in the van and discussed {thing}.
        Check your knot, check your partner, then {doing}.
        Footwork beats biceps, said the ten year old who flashed my boulder.
        Took a big whipper on {thing}; the cam held and so did my nerves.
        My forearms are so pumped that I cannot open the guidebook.
        Multi pitch on Sunday, four ropes of limestone and {thing} at the top.
        Rest day, which means watching climbing videos and thinking about {thing}.
        """,
    ),
    "photography": _topic(
        """a prime lens; the golden hour; expired film; my old rangefinder; long exposures; the contact sheet;
        shallow depth of field; street portraits; a polarising filter; the light meter; grain; the darkroom;
        backlit fog""",
        """shoot a roll of film; meter for the shadows; bracket the exposure; develop in the sink; crop to a
        square; focus by hand; wait for the light; print on matte paper; scan the negatives""",
        """
        Walked all day with one lens and came home with two photographs I like.
        Shot wide open at dusk and {thing} did the rest.
        The best camera upgrade I ever made was to {doing}.
        Lost a whole roll because the film never caught on the spool.
        Printed large for the first time, and suddenly {thing} matters.
        Ask people before you take their picture, then let them forget {thing}.
        Monday on the tripod: thirty seconds of exposure and a very patient heron.
        Raw files from the wedding are in, two thousand frames, mostly {thing}.
        Black and white hides bad weather and shows {thing}.
        You can fix exposure later, you cannot fix being in the wrong place.
        My shutter sounds like a stapler and I love it.
        Before you buy a faster lens, {doing}.
        Tested the flash against the window light, and {thing} won.
        The photo that nobody likes is the one I am proudest of.
        """,
    ),
    "programming": _topic(
        """the borrow checker; a Rust crate; Python type hints; async code; the test suite; a memory leak; unit
        tests; the compiler error; a segfault; the build pipeline; my parser; lifetimes; a regex; the code review""",
        """refactor the parser; rebase the branch; write a failing test; profile the hot loop; pin the
        dependencies; rewrite it in Rust; read the stack trace; bisect the commit; vectorise the Python loop""",
        """
        Three hours of debugging and the bug was a missing comma in the config file.
        Rust compiles at last, so of course {thing} was the easy part.
        Replaced a Python loop by one array call and the tests run in a second.
        Deleted four hundred lines of code today, best commit of the month.
        The compiler knew about {thing} all along, I just did not listen.
        Merged on a Friday. Wish me luck with {thing}.
        Nothing teaches you an API like having to {doing}.
        Wrote a script to save ten minutes and spent the weekend on {thing}.
        Please {doing} before you open a pull request.
        Works on my machine, fails in continuous integration, must be {thing}.
        Good error messages are documentation that people really read.
        Learning Rust after Python feels like arguing with {thing} and losing politely.
        Our oldest function has no tests, no author and no bugs, so nobody touches it.
        Off by one. It is always off by one, or {thing}.
        """,
    ),
    "chess": _topic(
        """a rook endgame; the Sicilian; my time trouble; a queen sacrifice; the isolated pawn; bullet games; a
        back rank mate; the London system; opposite coloured bishops; a knight outpost; endgame tables; the
        candidates""",
        """push the passed pawn; castle long; trade the bishops; sacrifice the exchange; fork the king and rook;
        offer a draw; defend with the queen; prepare the Caro-Kann; set up the pin""",
        """
        Won a piece, got excited, and stalemated in a won position.
        Rule one: before you move, ask what {thing} wants.
        Lost on time with mate in two on the board.
        Spent a month on openings and every game is decided by {thing}.
        The engine says plus four, my hands say blunder.
        Club night: twelve boards, one kettle, endless talk about {thing}.
        You should {doing} only when the centre is closed.
        An old man in the park beat me with {thing} and no mercy.
        Rating went up forty points, so tomorrow it will come down by sixty.
        Grandmaster commentary makes {thing} sound so simple.
        Her knight jumped to the sixth rank and my whole position collapsed.
        Puzzle of the day: white to play and {doing}.
        Analysed the loss without an engine first, and {thing} was the culprit.
        Blitz teaches you tricks, slow chess teaches you {thing}.
        """,
    ),
    "birdwatching": _topic(
        """a pair of lapwings; the reed warblers; my binoculars; a kestrel; the wader flock; the estuary hide;
        swift boxes; a barn owl; goldfinches; autumn migration; the feeder; a rare bunting; the dawn chorus""",
        """count the geese; ring the nestlings; fill the feeders; scan the mudflats; learn the warbler songs;
        wait in the hide; note the plumage; follow the starlings; check the nest box""",
        """
        Up at four for the dawn chorus and a robin had started without me.
        A kingfisher, for one second, and the rest of the day is a bonus.
        Tick number two hundred on my list turned out to be {thing}.
        Bring a scope to the marsh if you hope to see {thing}.
        Heard it, never saw it, still count it: {thing}.
        Sparrowhawk came through the garden and the finches went silent.
        Field guides never show {thing} from below and in the rain.
        The best way to know the seasons is to {doing}.
        Thousands of starlings over the pier, folding like smoke.
        Local patch this morning: nine species, cold toes, and {thing}.
        Swallows are back on the wire, so winter may leave now.
        Everybody ran to the far hide for {thing}; I stayed for the teal.
        Cats indoors please, the fledglings are out.
        Retired ladies with telescopes will {doing} better than any app.
        """,
    ),
    "knitting": _topic(
        """sock yarn; a dropped stitch; circular needles; the sleeve cap; merino wool; cable charts; my swatch;
        a lace shawl; the ribbing; steeked cardigans; yarn scraps; a sweater yoke; the second sock""",
        """cast on a hat; turn the heel; pick up the stitches; block the shawl; frog the sleeve; graft the toe;
        wind the skein; count the rows; weave in the ends""",
        """
        One more row, I said, four hours and a whole sleeve ago.
        The wool shop had a sale and my stash has its own room now.
        Finished the cardigan in time for the first warm day of spring.
        Never skip the swatch, or {thing} will teach you.
        My needles click louder than the film, the family has complained about {thing}.
        A knitter on the train told me how to {doing} without holes.
        Hand dyed yarn is too pretty to knit, so it sits beside {thing}.
        Ripped back eleven rows of cable because of {thing}.
        Socks for everybody this winter, if I learn to {doing}.
        Left leaning, right leaning, all my decreases are leaning.
        The pattern says easy. The pattern has never met {thing}.
        Moths found the wool basket and I am in mourning.
        Knitting group tonight: tea, gossip, and help with {thing}.
        Baby blanket done, ends and all; tomorrow I {doing}.
        """,
    ),
}
