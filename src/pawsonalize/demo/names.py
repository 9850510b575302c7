"""Names in the demo world: pets, coats, shelters. A table of our own."""

from types import MappingProxyType

_PET_NAMES = """
Ace Alma Apollo Archie Arrow Atlas Aspen Bailey Bandit Basil Bear Beau Benny Biscuit Blossom
Blue Bonnie Boots Bruno Buddy Buttons Cali Carmen Casper Charlie Chester Chili Chloe Cinnamon
Clover Coco Cookie Cosmo Cricket Daisy Dakota Dexter Diego Domino Dory Dottie Duke Echo Ella
Elvis Ember Faye Felix Fern Figaro Finn Flora Freckles Frida Ginger Gizmo Goldie Gracie Gus
Hank Harley Hazel Henry Honey Hugo Iggy Indie Iris Ivy Jasper Jelly Jojo Juniper Kiki Koda
Lady Leo Lily Loki Lola Louie Lucky Lulu Luna Mabel Maggie Maple Marley Max Maya Mika Millie
Milo Mimi Misty Mocha Molly Moose Muffin Nala Nico Nori Nutmeg Oakley Odin Olive Ollie Onyx
Opal Oreo Oscar Otis Ozzy Panda Peaches Peanut Pearl Penny Pepper Percy Phoebe Pickles Piper
Pixel Poppy Quincy Radar Ramona Ranger Remy Rex Ripley River Robin Rocky Roo Rosie Ruby Rufus
Sadie Sage Salem Scout Shadow Simba Smokey Snowball Sophie Stella Sunny Tango Teddy Thor
Tilly Toby Topaz Trixie Tulip Turbo Umi Violet Waffles Walter Willow Winnie Winston Wren Yoshi
Zelda Ziggy Zoe Zorro
"""
PET_NAMES = tuple(_PET_NAMES.split())

# Coats other than black, commonest first: cats, dogs, rabbits.
COLOURS = (
    ("brown tabby", "black and white", "gray", "gray tabby", "orange tabby", "white", "buff"),
    ("tan", "black and tan", "white", "brown", "brindle", "tricolour", "red", "gray", "fawn"),
    ("white", "brown", "gray", "agouti", "black and white"),
)

# Breeds that are, or always have, one coat.
COAT_OF_BREED = MappingProxyType(
    {
        "Tabby": "brown tabby",
        "Tuxedo": "black and white",
        "Calico": "calico",
        "Tortoiseshell": "tortoiseshell",
        "Siamese": "seal point",
        "Himalayan": "seal point",
        "Snowshoe": "seal point and white",
        "Birman": "seal point",
        "Russian_Blue": "blue",
        "Bombay": "black",
        "Dalmatian": "white and black",
        "Golden_Retriever": "golden",
        "Samoyed": "white",
        "Vizsla": "rust",
    }
)
# The coats of these need two X chromosomes.
FEMALE_BREEDS = frozenset({"Calico", "Tortoiseshell"})

# Invented shelters in real cities: name, city, latitude, longitude, share of the animals.
SHELTERS = (
    ("Redwood Road Animal Shelter", "Santa Rosa", 38.440, -122.714, 16),
    ("East Bay Companions", "Oakland", 37.804, -122.271, 20),
    ("Second Chance San José", "San Jose", 37.338, -121.886, 22),
    ("Riverbank Animal Haven", "Sacramento", 38.581, -121.494, 18),
    ("Delta Paws Rescue", "Stockton", 37.958, -121.291, 10),
    ("Vineyard Valley Humane", "Napa", 38.297, -122.287, 5),
    ("Carquinez Animal Refuge", "Vallejo", 38.104, -122.257, 6),
    ("Lighthouse Pet Rescue", "Santa Cruz", 36.974, -122.031, 6),
    ("Egg Basket Small Animals", "Petaluma", 38.233, -122.637, 3),
    ("Orchard Park Shelter", "Modesto", 37.639, -120.997, 9),
    ("Foothill Friends", "Auburn", 38.897, -121.077, 4),
    ("Peninsula Humane Circle", "San Mateo", 37.563, -122.326, 8),
)
