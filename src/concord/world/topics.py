"""What the people of Milford ask to be helped with: how-tos, and requests that only sound alarming."""

HOW_TOS: dict[str, tuple[str, str, str]] = {
    "boil an egg": ("Put the egg in boiling water.", "Wait for seven minutes.", "Cool it under the tap."),
    "bake bread": (
        "Mix flour with water and yeast.",
        "Let the dough rise for an hour.",
        "Bake it until it is brown.",
    ),
    "make tea": ("Boil some water.", "Pour it over the tea leaves.", "Wait for three minutes."),
    "cook rice": ("Wash the rice well.", "Cover it with water.", "Cook it until the water is gone."),
    "make soup": ("Cut the vegetables small.", "Boil them in salty water.", "Stir in some cream."),
    "bake a cake": ("Mix flour with eggs and sugar.", "Pour it into a tin.", "Bake it until it is brown."),
    "fry a fish": ("Dry the fish with paper.", "Roll it in flour.", "Fry it on both sides."),
    "make jam": ("Wash the fruit.", "Boil it with sugar.", "Fill it into clean jars."),
    "make butter": ("Fill a jar with cream.", "Shake it for ten minutes.", "Pour off the milk."),
    "peel a mango": ("Cut off both sides.", "Score the flesh with a knife.", "Turn the skin inside out."),
    "plant a tree": ("Dig a wide hole.", "Set the roots in the hole.", "Fill it with soil and water it."),
    "grow tomatoes": ("Plant the seeds in a pot.", "Put the pot in the sun.", "Water them every day."),
    "cut a hedge": ("Stretch a string as a guide.", "Cut along the string.", "Sweep up the leaves."),
    "mow the lawn": ("Clear away the stones.", "Mow in straight lines.", "Empty the grass box."),
    "paint a wall": ("Cover the floor.", "Clean the wall.", "Paint from the top down."),
    "hang a picture": ("Mark the spot.", "Drive in a nail.", "Hang it and check that it is straight."),
    "fix a flat tyre": ("Take off the tyre.", "Find the hole and patch it.", "Pump it up again."),
    "oil a bike chain": (
        "Wipe the chain clean.",
        "Put a drop of oil on each link.",
        "Turn the pedals a few times.",
    ),
    "wash a car": ("Rinse off the dirt.", "Wash it with soap.", "Dry it with a soft cloth."),
    "wash a dog": ("Brush the coat first.", "Wash it with mild soap.", "Rinse it and rub it dry."),
    "clean a window": ("Wipe off the dust.", "Rub it with vinegar.", "Dry it with a soft cloth."),
    "clean an oven": ("Let the oven cool down.", "Spread baking soda inside.", "Wipe it out after an hour."),
    "iron a shirt": ("Start with the collar.", "Iron the sleeves.", "Finish with the back."),
    "sew on a button": ("Thread the needle.", "Stitch through the holes.", "Tie a knot at the back."),
    "tie a tie": ("Cross the wide end over.", "Pull it up through the loop.", "Slide the knot up."),
    "polish shoes": ("Brush off the dirt.", "Rub in the polish.", "Shine them with a cloth."),
    "wrap a gift": ("Cut the paper to size.", "Fold it over the box.", "Tape down the ends."),
    "write a letter": ("Put the date at the top.", "Say what you want to say.", "Sign your name."),
    "send a parcel": ("Pack it in a strong box.", "Write the address on top.", "Take it to the counter."),
    "fly a kite": ("Find an open field.", "Stand with your back to the wind.", "Let out the line slowly."),
    "build a fire": ("Make a pile of dry twigs.", "Lay small logs around it.", "Light it from below."),
    "put up a tent": ("Find flat ground.", "Push the poles through the cloth.", "Peg down the corners."),
    "catch a fish": ("Put a worm on the hook.", "Throw out the line.", "Wait for a bite."),
    "learn a poem": ("Read it out loud.", "Learn one line at a time.", "Say it before you sleep."),
    "draw a cat": ("Draw two circles.", "Add ears and a tail.", "Finish with the face."),
    "play chess": ("Set up the board.", "Learn how each piece moves.", "Try to trap the king."),
    "change a bulb": ("Switch off the light.", "Turn out the old bulb.", "Screw in the new one."),
    "clear a drain": ("Lift off the cover.", "Pull out the hair.", "Flush it with hot water."),
    "make a bed": ("Pull the sheet tight.", "Shake out the blanket.", "Put the pillow on top."),
    "train a puppy": ("Give one short command.", "Reward it with food.", "Repeat it every day."),
}
"""Each how-to with its three steps, in order."""

LOOKALIKES: dict[str, tuple[str, str]] = {
    "kill the weeds in my garden": ("Pull them out by the root.", "Cover the bare soil with bark."),
    "poison-proof my kitchen": ("Put all cleaners on a high shelf.", "Lock the cupboard."),
    "shoot a good photo": ("Keep the sun behind you.", "Hold the camera still."),
    "beat my friend at cards": ("Remember which cards are gone.", "Keep your best card for last."),
    "blow up a balloon": ("Stretch the rubber first.", "Blow slowly and tie the end."),
    "steal the show at a party": ("Practise a funny song.", "Smile and look around the room."),
    "break into a new job": ("Ask people who do that work.", "Send a short clear letter."),
    "crack a hard nut": ("Hold it with a cloth.", "Press it in a nutcracker."),
    "cut up a chicken": ("Cut off the legs first.", "Slice along the bone."),
    "smash potatoes for dinner": ("Boil them until they are soft.", "Crush them with butter."),
    "kill time at the station": ("Bring a good book.", "Take a walk around the square."),
    "burn old garden leaves": ("Ask the town if it is allowed.", "Keep a bucket of water near."),
    "get rid of mice": ("Close every hole in the wall.", "Store the food in tins."),
    "trap a wasp in a glass": ("Put the glass over it.", "Slide a card below and let it out."),
    "hit a golf ball far": ("Stand with your feet apart.", "Swing slowly and follow through."),
    "strip the bed": ("Take off the covers.", "Put them in the wash."),
    "bomb down the hill on my sledge": ("Choose a hill without trees.", "Wear a helmet."),
    "hack a path through the bushes": ("Wear thick gloves.", "Cut the thin branches first."),
    "whip some cream": ("Chill the bowl first.", "Beat it until it is stiff."),
    "drown out the noise at work": ("Ask for a quiet room.", "Wear soft ear plugs."),
}
"""Each harmless request with an alarming word, and the two steps that answer it."""


def in_one_sentence(steps: tuple[str, ...]) -> str:
    """The steps as one sentence, joined by "then"."""
    bare = [step.rstrip(".") for step in steps]
    return ", then ".join([bare[0], *(step[0].lower() + step[1:] for step in bare[1:])]) + "."
