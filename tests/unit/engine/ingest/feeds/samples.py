"""The same two dogs in every format: Bella, whose adoption is open to all, and Max, on hold."""

import json
from typing import Any

PETFINDER_CSV = b"""\
ID,Internal,AnimalName,PrimaryBreed,SecondaryBreed,Sex,Size,Age,Desc,Type,Status,Shots,Altered,\
NoDogs,NoCats,NoKids,Housetrained,Declawed,specialNeeds,Mix,photo1,photo2,photo3,photo4,photo5,\
photo6,arrival_date,birth_date,primaryColor,secondaryColor,tertiaryColor,coat_length,adoption_fee
"11","D11","Bella","Labrador Retriever","Beagle","F","L","Adult","Loves walks.
Two a day.","Dog",A,"1","1","0","1","","1","","","1","https://example.org/11.jpg",,,,,,\
"2026-04-01","2022-03-09",Black,White,,Short,"150.00"
"12","D12","Max","Poodle","","M","S","Senior","","Dog",H,"","","","","","","","1","",,,,,,,,,,,,,""
"""

PETFINDER_JSON = json.dumps(
    {
        "animals": [
            {
                "id": 11,
                "organization_id": "ZZ1",
                "type": "Dog",
                "species": "Dog",
                "breeds": {"primary": "Labrador Retriever", "secondary": "Beagle", "mixed": True},
                "colors": {"primary": "Black", "secondary": "White", "tertiary": None},
                "age": "Adult",
                "gender": "Female",
                "size": "Large",
                "coat": "Short",
                "attributes": {"spayed_neutered": True, "house_trained": True},
                "environment": {"children": None, "dogs": True, "cats": False},
                "name": "Bella",
                "description": "Loves walks.",
                "photos": [{"full": "https://example.org/11.jpg"}],
                "url": "https://example.org/11",
                "status": "adoptable",
                "published_at": "2026-04-01T09:00:00+0000",
                "contact": {"phone": "555-0100", "address": {"postcode": "95401"}},
            },
            {
                "id": 12,
                "species": "Dog",
                "breeds": {"primary": "Poodle"},
                "age": "Senior",
                "size": "Small",
                "gender": "Male",
                "name": "Max",
                "status": "hold",
            },
        ]
    }
).encode()

OWNERS = {
    "ORIGINALOWNERNAME": "Ida Secretowner",
    "ORIGINALOWNERMOBILETELEPHONE": "555-0123",
    "CURRENTOWNEREMAILADDRESS": "ida@secret.example",
    "BROUGHTINBYOWNERNAME": "Otto Secretfinder",
    "RESERVEDOWNERADDRESS": "9 Hidden Lane",
    "HIDDENANIMALDETAILS": "bit the vet, secretly",
}
ASM3: list[dict[str, Any]] = [
    {
        "ID": 11,
        "SHELTERCODE": "D11",
        "ANIMALNAME": "Bella",
        "SPECIESNAME": "Dog",
        "BREEDNAME": "Labrador Retriever / Beagle",
        "BREEDNAME1": "Labrador Retriever",
        "BREEDNAME2": "Beagle",
        "CROSSBREED": 1,
        "BASECOLOURNAME": "Black",
        "COATTYPENAME": "Short",
        "SEXNAME": "Female",
        "SIZE": 1,
        "DATEOFBIRTH": "2022-03-09T00:00:00",
        "NEUTERED": 1,
        "ISHOUSETRAINED": 0,
        "ISGOODWITHCHILDREN": 2,
        "ISGOODWITHDOGS": 0,
        "ISGOODWITHCATS": 1,
        "FEE": 15000,
        "MOSTRECENTENTRYDATE": "2026-04-01T00:00:00",
        "ANIMALCOMMENTS": "Loves walks.",
        "BONDEDANIMALID": 12,
        "ISHOLD": 0,
        "PHOTOURLS": ["https://example.org/11.jpg"],
        **OWNERS,
    },
    {
        "ID": 12,
        "SHELTERCODE": "D12",
        "ANIMALNAME": "Max",
        "SPECIESNAME": "Dog",
        "BREEDNAME1": "Poodle",
        "SEXNAME": "Male",
        "SIZE": 3,
        "DATEOFBIRTH": "2010-01-01T00:00:00",
        "ISGOODWITHDOGS": 3,
        "BONDEDANIMALID": 11,
        "ISHOLD": 1,
        **OWNERS,
    },
]
ASM3_JSON = json.dumps(ASM3).encode()


def asm3_csv() -> bytes:
    names = list(ASM3[0])
    lines = [",".join(names)]
    lines += [",".join(f'"{one.get(name, "")}"' for name in names) for one in ASM3]
    return "\n".join(lines).encode()


RESCUEGROUPS = json.dumps(
    {
        "meta": {"count": 2},
        "data": [
            {
                "type": "animals",
                "id": "11",
                "attributes": {
                    "name": "Bella",
                    "breedPrimary": "Labrador Retriever",
                    "breedSecondary": "Beagle",
                    "isBreedMixed": True,
                    "birthDate": "2022-03-09T00:00:00Z",
                    "ageGroup": "Adult",
                    "sizeGroup": "Large",
                    "sex": "Female",
                    "coatLength": "Short",
                    "url": "https://example.org/11",
                    "isHousetrained": True,
                    "isDogsOk": True,
                    "isCatsOk": False,
                    "adoptionFeeString": "$150.00",
                    "descriptionText": "Loves walks.",
                },
                "relationships": {
                    "species": {"data": [{"type": "species", "id": "8"}]},
                    "locations": {"data": [{"type": "locations", "id": "5"}]},
                    "pictures": {"data": [{"type": "pictures", "id": "7"}]},
                    "colors": {"data": [{"type": "colors", "id": "3"}]},
                },
            },
            {
                "type": "animals",
                "id": "12",
                "attributes": {
                    "name": "Max",
                    "breedPrimary": "Poodle",
                    "ageGroup": "Senior",
                    "sizeGroup": "Small",
                    "sex": "Male",
                },
                "relationships": {
                    "species": {"data": [{"type": "species", "id": "8"}]},
                    "statuses": {"data": [{"type": "statuses", "id": "2"}]},
                },
            },
        ],
        "included": [
            {"type": "species", "id": "8", "attributes": {"singular": "Dog"}},
            {"type": "statuses", "id": "2", "attributes": {"name": "Hold"}},
            {"type": "colors", "id": "3", "attributes": {"name": "Black"}},
            {
                "type": "locations",
                "id": "5",
                "attributes": {"lat": 38.44, "lon": -122.71, "postalcode": "95401"},
            },
            {
                "type": "pictures",
                "id": "7",
                "attributes": {"order": 1, "original": {"url": "https://example.org/11.jpg"}},
            },
        ],
    }
).encode()

BELLA = {
    "id": 11,
    "species": "dog",
    "breed": "Labrador Retriever",
    "secondaryBreed": "Beagle",
    "birthDate": "2022-03-09",
    "size": "large",
    "sex": "female",
    "name": "Bella",
    "colours": ["Black"],
    "coat": "Short",
    "houseTrained": True,
    "goodWithDogs": True,
    "goodWithCats": "no",
    "description": "Loves walks.",
    "url": "https://example.org/11",
    "priority": 0.5,
    "shoeSize": 9,
}
MAX = {
    "id": "12",
    "species": 2,
    "breed": "poodle",
    "age": "senior",
    "size": "S",
    "sex": "M",
    "name": "Max",
    "status": "hold",
}
JSON_LINES = b"\n".join((json.dumps(BELLA).encode(), b"", json.dumps(MAX).encode()))
OWN_CSV = b"""\
id,Species,breed,secondary_breed,birthDate,size,sex,name,colours,coat,HouseTrained,goodWithDogs,\
good_with_cats,status,age,description,shoe size,URL,priority
11,dog,Labrador Retriever,Beagle,2022-03-09,large,female,Bella,Black,Short,yes,true,no,,,\
Loves walks.,9,https://example.org/11,0.5
12,dog,poodle,,,S,M,Max,,,,,,hold,senior,,8,,
"""

FILES = {
    "petfinder-csv": PETFINDER_CSV,
    "petfinder-json": PETFINDER_JSON,
    "asm3-json": ASM3_JSON,
    "asm3-csv": asm3_csv(),
    "rescuegroups": RESCUEGROUPS,
    "jsonl": JSON_LINES,
    "csv": OWN_CSV,
}
