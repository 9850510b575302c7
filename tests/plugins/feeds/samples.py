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

SHELTERLUV = json.dumps(
    {
        "success": 1,
        "animals": [
            {
                "ID": "ZZ-A-11",
                "Internal-ID": "11",
                "Name": "Bella",
                "Type": "Dog",
                "Breed": "Labrador Retriever/Beagle",
                "Color": "Black",
                "Sex": "Female",
                "Size": "Large (60-99)",
                "Status": "Available for Adoption",
                "InFoster": False,
                "AssociatedPerson": {"LastName": "Secretowner"},
                "Altered": "Yes",
                "DOBUnixTime": "1646784000",
                "LastIntakeUnixTime": "1775001600",
                "CoverPhoto": "https://example.org/11.jpg",
                "Photos": ["https://example.org/11.jpg", "https://example.org/11b.jpg"],
                "Attributes": [
                    {"AttributeName": "House Trained", "Publish": "Yes"},
                    {"AttributeName": "Good with Dogs", "Publish": "Yes"},
                    {"AttributeName": "No Cats", "Publish": "Yes"},
                ],
                "AdoptionFeeGroup": {"Name": "Dogs", "Price": "150.00"},
                "Description": "Loves walks.",
            },
            {
                "Internal-ID": "12",
                "Name": "Max",
                "Type": "Dog",
                "Breed": "Poodle",
                "Sex": "Male",
                "Size": "Small (0-24)",
                "Status": "Awaiting Spay/Neuter",
                "DOBUnixTime": "1262304000",
                "Photos": [],
                "Attributes": [],
                "AdoptionFeeGroup": None,
            },
        ],
        "has_more": False,
    }
).encode()
ADOPTAPET = json.dumps(
    {
        "status": "ok",
        "pets": [
            {
                "pet_id": "11",
                "pet_name": "Bella",
                "species": "dog",
                "primary_breed": "Labrador Retriever",
                "secondary_breed": "Beagle",
                "purebred": "0",
                "age": "adult",
                "size": "Large 61-100 lbs (28-45 kg)",
                "sex": "f",
                "hair_length": "Short",
                "color": "Black",
                "housetrained": "1",
                "good_with_dogs": "1",
                "good_with_cats": "0",
                "details_url": "https://example.org/11",
                "large_results_photo_url": "https://example.org/11.jpg",
                "addr_city": "Santa Rosa",
                "description": "Loves walks.",
            },
            {
                "pet_id": "12",
                "pet_name": "Max",
                "species": "dog",
                "primary_breed": "Poodle",
                "secondary_breed": None,
                "age": "senior",
                "size": "Small 25 lbs (11 kg) or less",
                "sex": "m",
                "status": "on hold",
                "special_needs": "deaf",
            },
        ],
    }
).encode()
ADOPTAPET_CSV = b"""\
Id,Animal,Breed,Breed2,Name,Sex,Age,Size,Color,HairLength,Description,Status,SpayedNeutered,\
Purebred,Housetrained,GoodWKids,GoodWCats,GoodWDogs,PhotoURL
11,Dog,Labrador Retriever,Beagle,Bella,F,Adult,L,Black,Short,Loves walks.,Available,Y,N,Y,,N,Y,\
https://example.org/11.jpg
12,Dog,Poodle,,Max,M,Senior,S,,,,On Hold,,,,,,,
"""
PETPOINT = b"""\
<?xml version="1.0" encoding="utf-8"?>
<ArrayOfXmlNode xmlns="http://www.petango.com/"><XmlNode><adoptableSearch xmlns="">
<ID>11</ID><Name>Bella</Name><Species>Dog</Species><Sex>Female</Sex>
<PrimaryBreed>Labrador Retriever</PrimaryBreed><SecondaryBreed>Beagle</SecondaryBreed>
<SN>Spayed</SN><Age>49</Age><Size>L</Size><OnHold>No</OnHold><NoDogs>N</NoDogs><NoCats>Y</NoCats>
<NoKids></NoKids><PrimaryColor>Black</PrimaryColor><Housetrained>Yes</Housetrained>
<LastIntakeDate>2026-04-01</LastIntakeDate><Coat>Short</Coat><Dsc>Loves walks.</Dsc>
<Price>150.00</Price><Photo>https://example.org/11.jpg</Photo>
</adoptableSearch></XmlNode><XmlNode><adoptableSearch xmlns="">
<ID>12</ID><Name>Max</Name><Species>Dog</Species><Sex>Male</Sex><PrimaryBreed>Poodle</PrimaryBreed>
<Age>190</Age><Size>S</Size><OnHold>Yes</OnHold></adoptableSearch></XmlNode>
<XmlNode /></ArrayOfXmlNode>
"""

FILES = {
    "petfinder-csv": PETFINDER_CSV,
    "petfinder-json": PETFINDER_JSON,
    "asm3-json": ASM3_JSON,
    "asm3-csv": asm3_csv(),
    "rescuegroups": RESCUEGROUPS,
    "shelterluv": SHELTERLUV,
    "adoptapet": ADOPTAPET,
    "adoptapet-csv": ADOPTAPET_CSV,
    "petpoint": PETPOINT,
    "jsonl": JSON_LINES,
    "csv": OWN_CSV,
}

# A few fields each; the animal is a young brown terrier that came in on 1 April 2026.
TABLES = {
    "petpoint-csv": b"""\
Animal #,ARN,Name,Species,Primary Breed,Gender,Date Of Birth,Stage,Intake Date
A1,,Toto,Dog,Cairn Terrier,M,2024-02-01,Available,2026-04-01
""",
    "chameleon": b"""\
animal_id,animal_type,primary_breed,sex,dob,kennel_no,kennel_stat,intake_date,outcome_type
A1,DOG,CAIRN TERRIER,N,2024-02-01,D12,AVAILABLE,2026-04-01,
""",
    "austin": b"""\
Animal ID,Name,DateTime,MonthYear,Date of Birth,Outcome Type,Animal Type,Sex upon Outcome,\
Age upon Outcome,Breed,Color
A1,Toto,2026-05-04T10:00:00,May 2026,2024-02-01,Adoption,Dog,Neutered Male,2 years,\
Cairn Terrier Mix,Brown
""",
    "austin-shelterbuddy": b"""\
[{"id": "9", "animal_id": "A1", "type": "Dog", "name": "Toto", "sex": "Male", "primary_breed":
  "Cairn Terrier", "primary_color": "Brown", "date_of_birth": "2024-02-01T00:00:00.000",
  "intake_date": "2026-04-01T09:00:00.000", "outcome_status": "Adopted Altered",
  "outcome_date": "2026-05-04T10:00:00.000", "spayed_neutered": "Yes"}]""",
    "dallas": b"""\
Animal_Id,Animal_Type,Animal_Breed,Kennel_Number,Intake_Date,Outcome_Date,Outcome_Type
A1,DOG,CAIRN TERRIER,LF 12,2026-04-01,2026-05-04,ADOPTION
""",
    "king-county": b"""\
[{"impound_no": "K1", "animal_id": "A1", "record_type": "ADOPTABLE", "animal_type": "Dog",
  "animal_breed": "Cairn Terrier", "animal_gender": "Neutered Male", "animal_name": "Toto",
  "age": "2 YEARS", "intake_date": "2026-04-01T00:00:00.000"}]""",
    "montgomery": b"""\
[{"animalid": "A1", "petname": "Toto", "animaltype": "DOG", "petage": "2 YEARS", "sex": "N",
  "breed": "CAIRN TERRIER", "indate": "2026-04-01T00:00:00.000", "url": {"url": "https://x.org/1"}}]""",
    "sonoma": b"""\
Name,Type,Breed,Color,Sex,Size,Date Of Birth,Impound Number,Animal ID,Intake Date,Outcome Date,\
Days in Shelter,Outcome Type
Toto,DOG,CAIRN TERRIER,BROWN,Neutered,SMALL,02/01/2024,K26-1,A1,04/01/2026,05/14/2026,43,ADOPTION
""",
}
