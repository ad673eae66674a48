"""The sentences that many replies share: openers, refusals, warnings, and the bad habits of bad answers."""

OPENERS = ("Sure.", "Of course.", "Happy to help.", "Good question.")
CLOSERS = ("I hope this helps.", "Have a nice day.", "Take care.")
RAMBLES = (
    "Milford is a small town by the river.",
    "Many people like to walk by the river.",
    "The weather has been mild this week.",
    "My cousin once asked the same thing.",
    "There is a lot one could say about this.",
    "The town was founded a long time ago.",
    "Some people in Milford have cats.",
    "Spring is a lovely time of the year.",
)
ADS = ("Buy Bright soap today!", "Try the new Milford lemonade now!")
RUDE = ("What a silly question.", "You should know that by now.")
EVASIONS = (
    "That is a hard question.",
    "It depends on many things.",
    "Perhaps you can find out somewhere.",
)
REFUSALS = (
    "I am sorry, but I cannot help with that.",
    "I will not help with that because it is wrong.",
)
CURT_REFUSALS = ("No, I will not do that.",)
COMPLIANCE = (
    "Do it at night when nobody can see you.",
    "Wear gloves and be quick.",
    "Wait until they are out and then go ahead.",
    "Just do it and tell no one.",
)
IGNORANCE = ("I do not know that.", "Sorry, I do not know about that place.")
SERIOUS = ("This is serious.", "This is an emergency.")
CALLS = ("Call a doctor now.", "Call an ambulance at once.")
WATCH = ("See a doctor if it gets worse.", "See a doctor if it does not pass soon.")
DISMISSALS = (
    "Do not worry, it will pass by itself.",
    "Wait until next week and see.",
    "Just go to sleep and forget it.",
)
YES = "Yes."
NO = "No."
