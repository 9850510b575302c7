"""Requests as sites send them, for the API document and the tests that keep it true."""

from typing import Any

_SAINT_BERNARD = {
    "animal_species_id": 2,
    "animal_primary_breed_id": "Saint_Bernard",
    "animal_size_id": 3,
    "animal_age_id": 2,
}
_SIAMESE = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Siamese",
    "animal_size_id": "1",
    "animal_age_id": "1",
}
_BEAGLE = {
    "animal_species_id": 2,
    "animal_primary_breed_id": "Beagle",
    "animal_size_id": 2,
    "animal_age_id": 3,
}

EVENT: dict[str, Any] = {
    "userId": "ann",
    "sessionId": "s-1",
    "eventType": "view",
    "animal_id": "a-7",
    "animalMetadata": _SAINT_BERNARD,
}
EVENTS: dict[str, Any] = {
    "events": [EVENT, {**EVENT, "eventType": "favorite", "eventId": "e-2", "eventValue": 1.0}]
}
RECOMMENDATION: dict[str, Any] = {"userId": "ann", "limit": 5}
RERANKING: dict[str, Any] = {
    "userId": "ann",
    "itemMetadataList": [
        {"itemId": "a-1", "animalMetadata": _SIAMESE},
        {"itemId": "a-2", "animalMetadata": _SAINT_BERNARD},
        {"itemId": "a-3", "animalMetadata": _BEAGLE},
    ],
}
FILTER: dict[str, Any] = {
    "name": "no-cats",
    "expression": 'EXCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")',
}
FILTERED: dict[str, Any] = {
    "userId": "ann",
    "filter": "INCLUDE ItemID WHERE Items.ANIMAL_BREED IN ($BREED)",
    "filterValues": {"BREED": '"Beagle","Siamese"'},
    "metadataColumns": {"ITEMS": ["ANIMAL_BREED"]},
}
PROMOTED: dict[str, Any] = {
    "userId": "ann",
    "promotions": [
        {
            "name": "elders",
            "percentPromotedItems": 20,
            "filter": 'INCLUDE ItemID WHERE Items.ANIMAL_AGE IN ("3")',
        }
    ],
}
