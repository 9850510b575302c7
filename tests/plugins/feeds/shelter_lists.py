"""Lists as shelter offices write them, all made up, with the truth of who may be shown.

A truth has one letter for each row: `v` visible, `h` on hold, `g` gone. `facts` are what else
must be known of an animal.
"""

from typing import Any

import msgspec


class ShelterList(msgspec.Struct, frozen=True):
    text: str
    truth: str
    facts: dict[str, dict[str, Any]] = {}
    encoding: str = "utf-8"
    says_status: bool = True


SEVEN = """Tierbestand Tierheim Musterstadt;;;;;;;;;;;;;;
Ausdruck vom 12.11.2025;;;;;;;;;;;;;;

Nr.;Name;Tierart;Rasse;Geschl.;kastr.;geb.;Gewicht;Zwinger;seit;mit Hunden;\
mit Katzen;Kinder;Vermittlungsstand;Bemerkungen
101;Bella;Hund;Labrador-Mix;Hündin;ja;03.04.2020;28 kg;Z 4;02.08.2025;ja;nein;ja;zu vermitteln;Lieb
102;Rocky;Hund;Schäferhund;Rüde;ja;2019;38 kg;Zw. 2;11.09.2025;nein;nein;nein;reserviert;Erfahrene
103;Mimi;Katze;EKH;w;ja;05/2022;4,1 kg;Katzenhaus 1;01.10.2025;;ja;ja;vermittelt;
104;Karlo;Kater;EKH;m;kastriert;15.6.2015;5 kg;Katzenhaus 2;20.05.2025;nein;ja;;frei;Senior, lieb
105;Flocke;Kaninchen;Löwenkopf;weibl.;nein;01.03.2024;1,8 kg;Innen 3;12.10.2025;;;;sucht Zuhause;
106;Max;Hund;Dackel;männl.;ja;12.12.2012;9 kg;Zw. 7;01.01.2025;ja;ja;ja;verstorben;
107;Luna;Hund;Mischling;w.;ja;07.07.2023;18 kg;Zw. 1;15.10.2025;nur Rüden;?;ja;Notfall;Dringend!
"""

LISTS: dict[str, ShelterList] = {
    "de: each state in a column of its own": ShelterList(
        "ID;Tierart;Name;Status;Todestag;Reserviert für;verkauft;Zuhause gefunden\n"
        "1;Hund;Ada;frei;;;;\n2;Katze;Bo;frei;01.11.2025;;;\n3;Hund;Cleo;frei;;Familie Muster;;\n"
        "4;Hund;Dino;frei;;;ja;\n5;Katze;Emma;frei;;;;03.11.2025\n",
        "vghgg",
    ),
    "en: columns that hide": ShelterList(
        "ID,Species,Name,Status,New Owner,Do Not Show,Web Visible,Bite Hold,Deceased?\n"
        "1,Dog,Ada,Available,,,Y,,\n2,Cat,Bo,Available,Mr Sample,,Y,,\n"
        "3,Dog,Cleo,Available,,Y,Y,,\n4,Dog,Dino,Available,,,N,,\n5,Dog,Emma,Available,,,Y,Y,\n"
        "6,Dog,Fay,Available,,,Y,,Y\n",
        "vghhhg",
    ),
    "de: the list of seven": ShelterList(
        SEVEN,
        "vhgvvgv",
        {
            "101": {"sex": "female", "weight": "28 kg", "good_with_cats": "no", "shelter": ""},
            "102": {"sex": "male", "good_with_dogs": "no", "good_with_cats": "no"},
            "104": {"sex": "male", "altered": True, "description": "Senior, lieb"},
            "105": {"size": "unknown", "altered": False, "sex": "female"},
            "107": {"good_with_dogs": "selective", "good_with_cats": "unknown"},
        },
        "cp1252",
    ),
    "de: status with names and dates, header of other words": ShelterList(
        "Tier-Nr\tTiername\tTierart\tRasse\tStatus der Vermittlung\tAlter\tim TH seit\n"
        "K-1\tMinka\tKatze\tEKH\treserviert für Fam. A.\t3 Jahre\t1.2.2025\n"
        "K-2\tTiger\tKatze\tEKH\tVermittelt am 3.10.25\t2 Jahre\t1.2.2025\n"
        "K-3\tPaul\tKatze\tPerser\tzur Vermittlung\t10 Jahre\t1.2.2025\n"
        "K-4\tOtto\tHund\tBoxer\tnoch nicht vermittelbar\t1 Jahr\t1.2.2025\n"
        "K-5\tEmma\tHund\tPudel\tin Pflegestelle\t1 Jahr\t1.2.2025\n"
        "K-6\tFips\tHund\tPudel\tnoch nicht vermittelt?\t1 Jahr\t1.2.2025\n"
        "K-7\tRex\tHund\tPudel\teingeschläfert 2.3.\t1 Jahr\t1.2.2025\n",
        "hgvhhhg",
        {"K-3": {"age": "3"}},
    ),
    "de: crosses and dates in columns of their own": ShelterList(
        "Nummer;Rufname;Art;Reserviert;Vermittelt am;Verstorben\n"
        "1;Ada;Hund;;;\n2;Bob;Hund;x;;\n3;Cleo;Katze;;03.04.2025;\n4;Dora;Katze;nein;-;12.5.2025\n"
        "5;Emil;Hund;Fam. Beispiel;;\n6;Fee;Katze;nein;;nein\n",
        "vhgghv",
    ),
    "de: several columns say that one left, and each counts alone": ShelterList(
        "Nr;Name;Tierart;vermittelt;vermittelt am;vermittelt an\n"
        "1;Ada;Hund;ja;;\n2;Bob;Hund;;3.4.2025;\n3;Cleo;Katze;;;Fam. Beispiel\n4;Dora;Katze;;;\n",
        "gggv",
    ),
    "de: who is online is said by yes and no": ShelterList(
        "Nr;Name;Tierart;zur Vermittlung\n1;Ada;Hund;ja\n2;Bob;Hund;nein\n3;Cleo;Katze;\n"
        "4;Dora;Katze;Ja\n",
        "vhhv",
    ),
    "de: a header that nobody knows, values that are states": ShelterList(
        "Nr;Name;Tierart;Wert;Kennz.\n1;Ada;Hund;a;frei\n2;Bob;Hund;b;reserviert\n"
        "3;Cleo;Katze;c;vermittelt\n4;Dora;Katze;d;tot\n",
        "vhgg",
    ),
    "de: two columns of states, of which the worse counts": ShelterList(
        "Nr;Name;Tierart;Stand;Vermittlungsstatus\n1;Ada;Hund;aktiv;frei\n"
        "2;Bob;Hund;aktiv;vermittelt\n3;Cleo;Katze;archiviert;frei\n4;Dora;Katze;aktiv;reserviert\n",
        "vggh",
    ),
    "de: misspelt headers and a phone number in the notes": ShelterList(
        "Nr;Name;Tierart;Geburtsdatm;Vermittlungstand;Notizen\n"
        "1;Ada;Hund;1.2.2020;frei;Fam. B., 0171 2345678, kommt Samstag\n"
        "2;Bob;Hund;1.2.2021;vermittelt;\n",
        "vg",
        {"1": {"description": "", "age_known": True}},
    ),
    "de: written on a Mac with accents apart": ShelterList(
        "Nr;Name;Tierart;Gro\u0308\u00dfe;Geschlecht;Verfu\u0308gbarkeit\n"
        "1;Ada;Hu\u0308ndin;gro\u00df;Hu\u0308ndin;verfu\u0308gbar\n"
        "2;Bob;Hund;klein;Ru\u0308de;nicht verfu\u0308gbar\n",
        "vh",
        {"1": {"sex": "female", "size": "3", "species": "2"}, "2": {"sex": "male"}},
    ),
    "de: nobody says who is there": ShelterList(
        "Nr;Name;Tierart;Chip\n1;Ada;Hund;276098100000001\n2;Bob;Katze;276098100000002\n",
        "vv",
        says_status=False,
    ),
    "es: an album of a refuge": ShelterList(
        "Refugio Ejemplo - animales\n\n"
        "Nº,Nombre,Especie,Raza,Sexo,Castrado,F. nac.,Peso (kg),Jaula,F. ingreso,Apto perros,"
        "Apto gatos,Apto niños,Estado,Observaciones\n"
        "1,Lola,Perro,Mestizo,Hembra,sí,03/04/2020,12,J-3,20/05/2025,sí,no,sí,En adopción,Fiel\n"
        "2,Toby,Perro,Podenco,M,no,15/08/2019,18,J-1,21/05/2025,no,no,no,Reservado/a,\n"
        "3,Nala,Gata,Común,H,sí,01/02/2022,4,G-2,22/05/2025,,sí,sí,Adoptada 12/06,\n"
        "4,Simba,Gato,Común,macho,castrado,01/02/2021,5,G-2,23/05/2025,,sí,sí,Urgente,\n"
        "5,Kira,Perro,Galgo,hembra,sin castrar,13/02/2018,22,J-4,24/05/2025,sí,,,Fallecida,\n"
        "6,Rex,Perro,Pastor alemán,macho,sí,14/02/2017,35,J-5,25/05/2025,según,no,,en acogida,\n",
        "vhgvgh",
        {
            "1": {"sex": "female", "weight": "12 kg", "good_with_cats": "no", "shelter": ""},
            "3": {"sex": "female", "species": "1"},
            "5": {"altered": False},
            "6": {"good_with_dogs": "selective"},
        },
    ),
    "es: columns for one status each": ShelterList(
        "Código;Nombre;Tipo de animal;Adoptado;Reservado;Fecha de baja\n"
        "a;Uno;perro;no;no;\nb;Dos;perro;sí;no;\nc;Tres;gato;no;sí;\nd;Cuatro;gato;;;2025-03-01\n"
        "e;Cinco;gato;;;\n",
        "vghgv",
    ),
    "es: situation, in capitals and without accents": ShelterList(
        "NUMERO;NOMBRE;ESPECIE;SITUACION;EDAD\n1;A;PERRO;DISPONIBLE;3 años\n"
        "2;B;PERRO;PREADOPTADO;4 años\n3;C;GATO;ADOPTADO;5 meses\n4;D;GATO;BUSCA HOGAR;6 meses\n"
        "5;E;GATO;NO DISPONIBLE;6 meses\n6;F;GATO;BAJA;6 meses\n",
        "vhgvhg",
        {"3": {"age": "1"}},
    ),
    "es: dates in words": ShelterList(
        "Nº;Nombre;Especie;Fecha de nacimiento;Estado de adopción\n"
        "1;A;perro;3 de mayo de 2020;disponible\n2;B;perro;12 ago 2021;entregado\n",
        "vg",
        {"1": {"age_known": True}, "2": {"age_known": True}},
    ),
    "en: a rescue's sheet with states nobody foresaw": ShelterList(
        "Animal No,Pet name,Species,Weight (lbs),Location,Adoption status,Notes\n"
        "1,Ace,Dog,45,Kennel 4,Available,Loves balls\n2,Bea,Dog,50,Kennel 5,Adopted!,\n"
        "3,Cal,Cat,9,Cat room 2,Up for adoption,\n4,Dot,Cat,8,Cage 7,Pending - Smith family,\n"
        "5,Eve,Cat,8,Cage 8,Transferred out,\n6,Flo,Cat,7,Cage 9,On hold (vet),\n",
        "vgvhgh",
        {"1": {"weight": "45 lb", "size": "unknown", "shelter": "", "description": "Loves balls"}},
    ),
    "en: yes and no, staff's columns beside": ShelterList(
        "ID,Name,Species,Adopted?,Adoption date,Adopter phone,Internal notes,OK w/ dogs,Location\n"
        "1,Ace,Dog,No,,,bites the vet,Yes,Main Street\n"
        "2,Bea,Dog,Yes,2025-03-04,555 0100,,No,Main Street\n"
        "3,Cal,Cat,N,,,,,Harbour Road\n4,Dot,Cat,Y,,,,,Harbour Road\n",
        "vgvg",
        {"1": {"good_with_dogs": "yes", "description": "", "shelter": "Main Street"}},
    ),
    "en: UTF-16 from Excel, stage, dates of the year first": ShelterList(
        "Record ID\tName\tSpecies\tStage\tDOB\n1\tAce\tDog\tAvailable\t2020/03/04\n"
        "2\tBea\tDog\tDeceased\t2020/03/05\n3\tCal\tDog\tStray hold\t2020/03/06\n"
        "4\tDot\tDog\tIn foster\t2020/03/07\n5\tEli\tDog\tEvaluating\t2020/03/07\n",
        "vghhh",
        {"1": {"age_known": True}},
        "utf-16",
    ),
    "en: intake types are no states": ShelterList(
        "ID,Name,Species,Intake type\n1,Ace,Dog,Stray\n2,Bea,Dog,Owner surrender\n"
        "3,Cal,Cat,Transfer\n",
        "vvv",
        says_status=False,
    ),
}
