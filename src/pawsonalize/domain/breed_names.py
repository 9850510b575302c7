"""The breeds we know, with the other names shelters write for them: a table of our own.

A line that ends with a colon opens a family: species id and family. Each line below is a breed:
the name it has in group ids, then what else it is called; a line may go on, indented. Spaces,
case, accents and punctuation do not count, nor do words like "mix"; `breeds.py` reads the table
and has the rules.
"""

TABLE = """
1 dsh:
Domestic Short Hair = dsh, short hair, short haired cat, domestic short haired, moggie, house cat,
    european shorthair, domestic
Tabby = tabby domestic, brown tabby, grey tabby, orange tabby
Tuxedo = tuxedo domestic
American Shorthair
Calico = calico domestic
Tortoiseshell = tortie, torbie
Dilute Calico
Dilute Tortoiseshell = dilute tortie
Extra-Toes Cat = extra toes, polydactyl, hemingway polydactyl, extratoes cat hemingway polydactyl
1 dmh:
Domestic Medium Hair = dmh, medium hair, domestic medium haired
1 dlh:
Domestic Long Hair = dlh, long hair, domestic long haired
1 siamese:
Siamese = siamese seal point, seal point siamese, flame point siamese, lynx point siamese, flame
    point, lynx point
Snowshoe
Himalayan
Balinese
Tonkinese
Oriental Short Hair = oriental
Oriental Long Hair
Javanese
Thai
Colorpoint Shorthair = colourpoint shorthair
Oriental Tabby
1 other_cat:
Maine Coon = maine coon cat
Ragdoll
Bengal
Persian
Manx
Cymric
Russian Blue
Bombay
British Shorthair = british blue
British Longhair
Scottish Fold
Scottish Straight
Abyssinian
Birman = sacred birman
Turkish Van
Turkish Angora
Egyptian Mau
Sphynx = sphinx, hairless cat, sphynx hairless cat
Burmese
Burmilla
Chartreux
Chausie
Cornish Rex
Devon Rex
Selkirk Rex
LaPerm
Exotic Shorthair = exotic
American Bobtail
American Curl
American Wirehair
Applehead Siamese
Canadian Hairless
Havana Brown = havana
Japanese Bobtail
Kurilian Bobtail
Korat
Munchkin
Nebelung
Norwegian Forest Cat = norwegian forest
Ocicat
Pixie-Bob
Ragamuffin
Savannah
Siberian
Silver
Singapura
Somali
Tiger
Toyger
York Chocolate
2 bully:
Pit Bull Terrier = pit bull, pit, pitty, pittie, apbt, american pit bull terrier, american pit
    bull, pit bull type
American Staffordshire Terrier = am staff, american staffordshire, staffordshire terrier
American Bulldog = am bulldog
American Bully = american bully xl, pocket bully, xl bully
Staffordshire Bull Terrier = staffie, staffy, staffordshire, staff
Bull Terrier = english bull terrier
Boxer
Cane Corso = cane corso mastiff, italian mastiff
English Bulldog = bulldog, british bulldog
Olde English Bulldogge = olde english bulldog, old english bulldog
Victorian Bulldog
Alapaha Blue Blood Bulldog = alapaha bulldog
2 chihuahua:
Chihuahua = chi, chihuahua short coat, chihuahua smooth coated, chihuahua long coat, short haired
    chihuahua, long haired chihuahua
2 shepherd_guard:
German Shepherd Dog = german shepherd, gsd, alsatian, shepherd
Belgian Malinois = malinois, belgian shepherd malinois, belgian malinois shepherd
Belgian Shepherd = belgian shepherd dog, belgian shepherd laekenois, laekenois
Belgian Sheepdog = belgian shepherd dog sheepdog, groenendael
Belgian Tervuren = tervuren, belgian shepherd tervuren
Dutch Shepherd
White Swiss Shepherd = white german shepherd, berger blanc suisse, white shepherd
King Shepherd
Shiloh Shepherd
Rottweiler = rottie, rott
Doberman Pinscher = doberman, dobermann, dobie
Great Pyrenees = pyrenean mountain dog, pyrenees
Anatolian Shepherd = anatolian, anatolian shepherd dog, kangal
Maremma Sheepdog = maremma
Akbash
Kuvasz
Komondor
Caucasian Sheepdog = caucasian ovcharka, caucasian shepherd, caucasian sheepdog caucasian
    ovtcharka
Central Asian Shepherd = alabai
Estrela Mountain Dog
Tibetan Mastiff
Mastiff = english mastiff
Bullmastiff
Neapolitan Mastiff
Dogue de Bordeaux = french mastiff
Presa Canario = perro de presa canario
Dogo Argentino = argentine dogo, argentinian dogo
Fila Brasileiro = brazilian mastiff
Boerboel = south african boerboel
Tosa Inu = tosa
Great Dane = dane
Saint Bernard = st bernard, saint bernard dog
Bernese Mountain Dog = bernese, berner
Greater Swiss Mountain Dog = swiss mountain dog, swissy
Newfoundland = newfoundland dog, newfie
Leonberger
Landseer
Hovawart
Giant Schnauzer
Black Russian Terrier = black russian
Beauceron
Briard
Bouvier des Flandres = bouvier, bouvier des flanders
Mountain Dog
2 terrier:
Jack Russell Terrier = jack russell, jrt, jack russel terrier, jack russel, russell terrier
Parson Russell Terrier = parson jack russell terrier, parson russell
Terrier = terrier unknown type, terrier unknown type small, terrier unknown type medium
Rat Terrier = american rat terrier
Toy Fox Terrier = toy fox, american toy fox terrier
Fox Terrier = smooth fox terrier, fox terrier smooth
Wire Fox Terrier = wirehaired fox terrier, fox terrier wirehaired
Cairn Terrier = cairn
Miniature Schnauzer = mini schnauzer, schnauzer miniature
Standard Schnauzer = schnauzer
Scottish Terrier = scottie, scotty, scottish terrier scottie
Wheaten Terrier = soft coated wheaten terrier, wheaten
Airedale Terrier = airedale
West Highland White Terrier = westie, west highland, west highland terrier, west highland white
    terrier westie
Norfolk Terrier
Norwich Terrier
Border Terrier
Boston Terrier = boston
Bedlington Terrier = bedlington
Australian Terrier
Dandie Dinmont Terrier = dandi dinmont terrier, dandie dinmont
Glen of Imaal Terrier
Irish Terrier
Jagdterrier = german hunt terrier, german jagdterrier
Kerry Blue Terrier = kerry blue
Lakeland Terrier
Manchester Terrier
Patterdale Terrier = patterdale, patterdale terrier fell terrier
Fell Terrier
Sealyham Terrier
Skye Terrier
Welsh Terrier
Tenterfield Terrier
Treeing Feist = feist, mountain feist, treeing terrier feist
Silky Terrier = silky, australian silky terrier
Chinese Foo Dog
2 herding:
Border Collie = borders collie
Australian Cattle Dog = cattle dog, blue heeler, queensland heeler, red heeler, heeler, acd,
    australian cattle dog blue heeler, australian heeler
Australian Shepherd = aussie, aussie shepherd
Miniature Australian Shepherd = mini aussie, miniature american shepherd, mini australian shepherd
Australian Kelpie = kelpie, aussie kelpie
Koolie = australian koolie
Corgi = welsh corgi
Pembroke Welsh Corgi = pembroke, welsh corgi pembroke, pembroke corgi
Cardigan Welsh Corgi = cardigan, welsh corgi cardigan
Collie = rough collie, collie rough, lassie
Smooth Collie = collie smooth
Bearded Collie = beardie
Sheltie = shetland sheepdog, shetland sheepdog sheltie, sheltie shetland sheepdog
Old English Sheepdog = oes, bobtail
English Shepherd = farm collie
Icelandic Sheepdog
Polish Lowland Sheepdog = pon
Puli
Pumi
Mudi
Pyrenean Shepherd
Catalan Sheepdog
Bergamasco = bergamasco sheepdog
Sheep Dog
Entlebucher Mountain Dog = entlebucher
Appenzell Mountain Dog = appenzeller
Swedish Vallhund
McNab = mcnab shepherd
Blue Lacy = texas blue lacy
Lancashire Heeler
Smithfield
2 toy_companion:
Shih Tzu = shitzu, shih tsu
Poodle = poodle unknown
Miniature Poodle = mini poodle, poodle miniature
Toy Poodle = poodle toy
Yorkshire Terrier = yorkie, yorkshire terrier yorkie
Maltese
Miniature Pinscher = min pin, mini pinscher, pinscher miniature
Pug
French Bulldog = frenchie
Cavalier King Charles Spaniel = cavalier, king charles cavalier, cavalier spaniel
King Charles Spaniel = english toy spaniel, toy spaniel
Havanese
Bichon Frise = bichon
Japanese Chin
Lhasa Apso = lhasa
Pekingese = peke
Papillon
Phalene
Brussels Griffon = griffon bruxellois
Affenpinscher
Chinese Crested Dog = chinese crested, chinese crested powder puff
Coton de Tulear = coton
Lowchen
Italian Greyhound = iggy
Tibetan Spaniel
Tibetan Terrier
Bolognese
Cockapoo = cockerpoo
Maltipoo = maltepoo
Yorkipoo
Shihpoo = shipoo
Cavapoo = cavoodle
Cavachon
Schnoodle
Morkie
Chiweenie
Puggle
Peekapoo
Mal-Shi
Pomchi
2 husky_spitz:
Siberian Husky = husky
Alaskan Malamute = malamute
Alaskan Husky
Alaskan Klee Kai = klee kai
Pomeranian = pom, pomeranian toy
Akita = akita inu, american akita
Shiba Inu = shiba
Samoyed = sammy
Keeshond
American Eskimo Dog = american eskimo, eskie, eskimo dog
Canadian Eskimo Dog
Spitz = german spitz
Finnish Spitz
Japanese Spitz
Finnish Lapphund = lapphund
Norwegian Elkhound = elkhound
Norwegian Buhund
Jindo = korean jindo, korean jindo dog
Eurasier
Schipperke
Norwegian Lundehund = lundehund
Karelian Bear Dog
West Siberian Laika = laika
Greenland Dog
Kai Dog = kai ken
Hokkaido
Kishu
Wolf Dog = wolf hybrid
Thai Ridgeback
2 retriever_sporting:
Labrador Retriever = lab, labrador, labrador retreiver, yellow labrador retriever, black labrador
    retriever, chocolate labrador retriever, yellow lab, black lab, chocolate lab, retriever
    labrador
Golden Retriever = golden, retriever golden
Retriever = retriever unknown type
Flat-Coated Retriever = flatcoat, flat coat retriever
Curly-Coated Retriever
Chesapeake Bay Retriever = chessie, chesapeake
Nova Scotia Duck Tolling Retriever = nova scotia duck tolling, toller, nova scotia duck trolling
    retriever
Labradoodle
Goldendoodle
Bernedoodle
Aussiedoodle
Sheepadoodle
Doodle
Cocker Spaniel = american cocker spaniel, cocker
English Cocker Spaniel
English Springer Spaniel = springer spaniel, springer
Welsh Springer Spaniel
Brittany Spaniel = brittany
Boykin Spaniel = boykin
Clumber Spaniel
Field Spaniel
Sussex Spaniel
American Water Spaniel
Irish Water Spaniel
Spaniel = spaniel unknown type
Portuguese Water Dog = pwd
Spanish Water Dog
Lagotto Romagnolo = lagotto
Barbet
Pointer = english pointer
German Shorthaired Pointer = gsp, german shorthair pointer
German Wirehaired Pointer
Wirehaired Pointing Griffon
English Setter = llewellin setter
Gordon Setter
Irish Setter = red setter
Irish Red and White Setter
Setter
Vizsla = hungarian vizsla
Wirehaired Vizsla
Weimaraner
Munsterlander = small munsterlander, large munsterlander
Pudelpointer
Spinone Italiano = spinone, italian spinone
Bracco Italiano
Kooikerhondje = kooiker
2 hound:
Beagle
Hound = hound unknown type
Dachshund = doxie, wiener dog, sausage dog, dachshund smooth coat, dachshund short hair, dachshund
    standard smooth haired
Miniature Dachshund = mini dachshund, dachshund miniature
Dachshund Long Hair = long haired dachshund, dachshund long coat
Dachshund Wirehaired = wire haired dachshund
Treeing Walker Coonhound = walker hound, treeing walker, walker coonhound
Black and Tan Coonhound = black tan coonhound
Bluetick Coonhound = bluetick
Redbone Coonhound = redbone
Redtick Coonhound = american english coonhound, english coonhound
Plott Hound = plott
Coonhound
Basset Hound = basset
Bloodhound
Foxhound
American Foxhound
English Foxhound
Harrier
Mountain Cur = mountain cur dog
Black Mouth Cur = black mouthed cur
Cur
Catahoula Leopard Dog = catahoula, louisiana catahoula leopard dog, catahoula cur, leopard dog
Leopard Hound = american leopard hound
Rhodesian Ridgeback = ridgeback
Greyhound
Whippet
Lurcher
Galgo = galgo espanol, spanish greyhound, galgo spanish greyhound
Saluki
Sloughi
Azawakh
Afghan Hound = afghan
Borzoi = russian wolfhound
Irish Wolfhound
Scottish Deerhound = deerhound
Basenji
Pharaoh Hound
Ibizan Hound
Podenco = podenco canario, portuguese podengo
Cirneco
Otterhound
Petit Basset Griffon Vendeen = pbgv
Grand Basset Griffon Vendeen
Hamiltonstovare
Bavarian Mountain Hound
Beagador
Xoloitzcuintli = mexican hairless, xolo, xoloitzcuintle mexican hairless
Peruvian Inca Orchid
2 other_dog:
Mixed Breed = mixed, mix, mutt, crossbreed, mix breed, mongrel, mixed breed small, mixed breed
    medium, mixed breed large, small mixed breed, medium mixed breed, large mixed breed, unknown
    mix
Chow Chow = chow
Carolina Dog = american dingo
Dingo
Standard Poodle = poodle standard
Shar-Pei = chinese shar pei
Dalmatian = dalmation
New Guinea Singing Dog = singing dog
Canaan Dog
Chinook
Feral Dog
Pinscher = german pinscher
Sato = puerto rican sato
Village Dog = street dog, potcake, indian pariah dog
Kyi Leo
3 rabbit:
Domestic Rabbit = bunny rabbit, bunny, rabbit, domestic, mixed rabbit, short haired rabbit,
    american rabbit
Lop-Eared = lop, lop eared rabbit, lop rabbit
Holland Lop
Mini Lop
American Fuzzy Lop = fuzzy lop
English Lop
French Lop
Mini Rex
Rex = rex rabbit
Lionhead
New Zealand = new zealand white, new zealand rabbit
Californian = california
Dutch = dutch rabbit
Dwarf = dwarf rabbit, netherland dwarf
Dwarf Hotot
Flemish Giant = flemish
American Chinchilla = giant chinchilla
Checkered Giant
Continental Giant
Angora Rabbit = english angora, french angora, satin angora, giant angora, angora
Jersey Wooly
Polish
Himalayan Rabbit
English Spot
Harlequin
Havana Rabbit
Hotot
Belgian Hare
Beveren
Britannia Petite
Champagne D'Argent
Cinnamon
Creme D'Argent
Florida White
Palomino
Rhinelander
Satin = mini satin
Silver Marten
Silver Fox
Standard Chinchilla
Tan
Thrianta
4 guinea_pig:
Guinea Pig = cavy, short haired guinea pig, american guinea pig
Abyssinian Guinea Pig
Peruvian Guinea Pig
Silkie Guinea Pig = sheltie guinea pig
Skinny Pig = skinny guinea pig
Teddy Guinea Pig
Texel Guinea Pig
4 other_small:
Hamster
Syrian Hamster = golden hamster, teddy bear hamster
Dwarf Hamster = russian dwarf hamster, roborovski, winter white hamster
Gerbil
Mouse = mice, fancy mouse
Rat = fancy rat, rats
Chinchilla
Degu
Ferret
Hedgehog = african pygmy hedgehog
Sugar Glider
Prairie Dog
5 parrot:
Parakeet = budgie, budgerigar, parakeet other
Cockatiel
Cockatoo
Conure = sun conure, green cheek conure
Lovebird
Macaw
African Grey = african gray
Amazon = amazon parrot
Parrot = parrot other
Parrotlet
Quaker Parakeet = quaker, monk parakeet
Caique
Eclectus
Lory = lorikeet
Pionus
Ringneck = indian ringneck
Rosella
Senegal = senegal parrot
5 other_bird:
Canary
Finch = zebra finch, society finch
Dove = ring neck dove
Pigeon = king pigeon, homing pigeon
Quail
Toucan
Softbill
6 horse:
Horse = grade, grade horse
Quarter Horse = american quarter horse
Thoroughbred = tb, ottb
Arabian = arab
Paint = paint horse, pinto, american paint horse
Appaloosa
Mustang
Morgan
Standardbred
Saddlebred = american saddlebred
Tennessee Walker = tennessee walking horse
Warmblood = hanoverian, trakehner
Friesian
Andalusian
Belgian = belgian draft
Clydesdale
Percheron
Draft = draft horse
Missouri Foxtrotter
Paso Fino
Peruvian Paso
Palomino Horse
Gaited
6 small_equine:
Pony = pony of the americas
Miniature Horse = mini horse
Shetland Pony = shetland
Welsh Pony
Connemara
Donkey = burro, donkey mule, miniature donkey
Mule = hinny
7 lizard:
Lizard
Bearded Dragon
Gecko = leopard gecko, crested gecko
Iguana = green iguana
Chameleon
Skink = blue tongue skink
Monitor
Tegu
Water Dragon = chinese water dragon
Uromastyx
7 snake:
Snake
Ball Python = python, royal python
Corn Snake
King Snake
Boa = boa constrictor
Garter Snake
Rat Snake
7 turtle:
Turtle
Red Eared Slider = slider
Box Turtle
Painted Turtle
Tortoise = sulcata tortoise, russian tortoise
7 other_reptile:
Frog
Toad
Fish = goldfish, freshwater fish
Hermit Crab
Tarantula
Salamander = newt
8 poultry:
Chicken = hen, rooster, bantam
Duck
Goose
Turkey
Guinea Fowl
Peacock = pea fowl
8 livestock:
Goat = pygmy goat, nigerian dwarf goat, boer, alpine goat
Sheep = barbados, merino
Pig = pot bellied, pot bellied pig, vietnamese pot bellied, farm pig
Cow = holstein, jersey, steer
Alpaca
Llama
"""
