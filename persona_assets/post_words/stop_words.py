"""English words that say nothing about what a post is about."""

# Function words and contractions without their apostrophe, then words of talk and of the web. A short list of
# our own: scikit-learn's has "bill", "fire", "system" and "interest", which tell personas apart.
STOP_WORDS = frozenset(
    """
a about above after again against all almost along already also although always am among an and another any
anybody anyone anything anyway are aren around as at away back be because been before behind being below
between both but by came can cannot come comes could couldn did didn do does doesn doing don done down during
each either else enough especially etc even ever every everybody everyone everything everywhere except few for
from further get gets getting give given gives go goes going gone got had hadn has hasn have haven having he
hence her here hers herself him himself his how however if in indeed instead into is isn it its itself just
keep kept lately least less let lets like likely ll made make makes making many may maybe me might mightn mine
more most mostly much must mustn my myself near needn neither never next no nobody none nor not nothing now
nowhere of off often oh on once one ones only onto or other others otherwise our ours ourselves out over own
per perhaps put quite rather re really same seem seems seemed several shall shan she should shouldn since so
some somebody someone something sometimes somewhere soon still such take taken takes than that the their theirs
them themselves then there these they thing things this those though through throughout thus til till to
together too took toward towards two under unless until up upon us use used using ve very via was wasn way we
well went were weren what whatever when whenever where whether which while who whoever whole whom whose why
will with within without won would wouldn yes yet you your yours yourself yourselves
ain arent cant couldnt didnt doesnt dont dunno gonna gotta hadnt hasnt havent hes id ill im imo isnt ive kinda
lot lots shes shouldnt sorta thats theres theyre tho wanna wasnt wont wouldnt ya yeah yep youre
actually agree ask asked asking believe best better bit day days definitely exactly feel feels find found good
great guess guy guys happen happened happens hard help hey hi hope idea kind knew know known knows last left
literally little long look looking looks love mean means need needs new nice nope ok okay old people person
please point pretty probably real right said saw say saying says see seen show shows sort start started stuff
sure talk talking tell thank thanks think thinking thought time times today told tomorrow tonight tried try
trying true understand wait want wanted wants week whats whos wish wonder word words work works worse worst
wow wrong year years yesterday
ah aka amp article articles aw bsky com ed eg edu ha haha hahaha hmm http https ie lmao lol nah nbsp net omg
org pls post posted posting posts ps reply retweet rt smh tweet tweets ugh uh um wtf www yay
""".split()  # noqa: SIM905 - six hundred quoted words would hide what is in the list
)
