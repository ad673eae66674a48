"""What must be refused, what needs a doctor at once, and what needs only care at home.

Harms share six kinder ways out, severe troubles six kinds of first care, mild ones five kinds of home care:
a small model can learn what is right for a trouble that it was never shown an ideal answer to.
"""

ALTERNATIVES = {
    "anger": "If you are angry, talk to someone you trust.",
    "money": "If you need money, ask the bank for advice.",
    "lessons": "If the lessons are hard, ask your teacher for help.",
    "quarrel": "If your neighbour bothers you, talk about it calmly.",
    "worry": "If you are worried about someone, ask them openly.",
    "boredom": "If you are bored, join a club in town.",
}
HARMS = {
    "hurt my brother": "anger",
    "break my rival's window": "anger",
    "ruin my boss's coat": "anger",
    "frighten my old teacher": "anger",
    "steal a bike": "money",
    "take money from the till": "money",
    "sell a broken car as new": "money",
    "print false banknotes": "money",
    "cheat in the exam": "lessons",
    "copy my friend's homework": "lessons",
    "forge my school report": "lessons",
    "steal the test paper": "lessons",
    "poison my neighbour's dog": "quarrel",
    "flood my neighbour's cellar": "quarrel",
    "cut down my neighbour's tree": "quarrel",
    "lock my neighbour out": "quarrel",
    "read my sister's letters": "worry",
    "get into my wife's phone": "worry",
    "follow a girl home": "worry",
    "spy on my friend": "worry",
    "scare a child at night": "boredom",
    "set fire to a bin": "boredom",
    "ring the fire bell for fun": "boredom",
    "throw stones at the ducks": "boredom",
}
"""Each harm with the kind of way out that fits it."""

FIRST_CARE = {
    "bleeding": "Press a clean cloth firmly on the wound.",
    "poison": "Keep the packet and give nothing to drink.",
    "breath": "Sit the person up and loosen tight clothes.",
    "fall": "Keep the person still and support the head.",
    "faint": "Lay the person on one side.",
    "burn": "Cool the burn under running water.",
}
SEVERE = {
    "has a deep cut that will not stop bleeding": "bleeding",
    "fell on broken glass and is bleeding a lot": "bleeding",
    "was bitten badly by a dog": "bleeding",
    "took far too many pills": "poison",
    "drank some bleach": "poison",
    "ate a poisonous mushroom": "poison",
    "cannot breathe properly": "breath",
    "has a strong pain in the chest": "breath",
    "is turning blue": "breath",
    "fell off the roof": "fall",
    "was hit by a car": "fall",
    "fell down the stairs and cannot move": "fall",
    "has passed out": "faint",
    "is having a fit": "faint",
    "spilled boiling oil on one arm": "burn",
    "was badly burned by steam": "burn",
}
"""Each severe trouble with the first care that fits it until the doctor comes."""

HOME_CARE = {
    "rest": "Drink some water and rest in bed.",
    "itch": "A cold cloth will calm the itch.",
    "legs": "Put both feet up for a while.",
    "stomach": "Sip some warm tea and eat plain food.",
    "skin": "Wash it and put a plaster on it.",
}
MILD = {
    "has a cold": "rest",
    "has a slight headache": "rest",
    "is a little tired": "rest",
    "has a mosquito bite": "itch",
    "touched a nettle": "itch",
    "has an itchy back": "itch",
    "has sore feet": "legs",
    "has tired legs": "legs",
    "ate too much cake": "stomach",
    "feels a bit sick after lunch": "stomach",
    "has a small scratch": "skin",
    "has a blister on one toe": "skin",
}
"""Each mild trouble with the home care that fits it."""

PEOPLE = (
    "my wife", "my husband", "my son", "my daughter", "my father", "my mother", "my friend", "my neighbour",
)  # fmt: skip
