"""Requests as sites send them, for the API document and the tests that keep it true."""

from typing import Any


def _animal(*ids: str | int) -> dict[str, object]:
    names = ("species", "primary_breed", "size", "age")
    return {f"animal_{name}_id": value for name, value in zip(names, ids, strict=True)}


_SAINT_BERNARD = _animal(2, "Saint_Bernard", 3, 2)
_SIAMESE = _animal("1", "Siamese", "1", "1")
_BEAGLE = _animal(2, "Beagle", 2, 3)
_ANN = {"userId": "ann"}

EVENT: dict[str, object] = {
    **_ANN,
    "sessionId": "s-1",
    "eventType": "view",
    "animal_id": "a-7",
    "animalMetadata": _SAINT_BERNARD,
}
ONE_EVENT: dict[str, object] = {"events": [EVENT]}
SEVERAL_EVENTS: dict[str, object] = {
    "events": [EVENT, {**EVENT, "eventType": "favorite", "eventId": "e-2", "eventValue": 1.0}]
}
ANIMAL: dict[str, object] = {
    "id": "a-7",
    "species": "dog",
    "breed": "St. Bernard / Beagle mix",
    "size": "large",
    "birthDate": "2023-04-01",
    "sex": "female",
    "name": "Bella",
    "shelter": "Orchard Park Shelter",
    "goodWithKids": True,
    "goodWithCats": "selective",
    "photos": ["https://example.org/bella.jpg"],
    "latitude": 37.64,
    "longitude": -121.0,
}
_PREFERENCES = {"species": [2], "size": [2, 3], "kids": True}
RECOMMENDATION: dict[str, object] = {
    **_ANN,
    "limit": 5,
    "context": {"DEVICE": "mobile"},
    "preferences": _PREFERENCES,
}
USER: dict[str, Any] = {"attributes": {"MEMBER_SINCE": 2024}, "preferences": _PREFERENCES}
RERANKING: dict[str, object] = {
    **_ANN,
    "itemMetadataList": [
        {"itemId": "a-1", "animalMetadata": _SIAMESE},
        {"itemId": "a-2", "animalMetadata": _SAINT_BERNARD},
        {"itemId": "a-3", "animalMetadata": _BEAGLE},
    ],
}
ANIMALS: dict[str, object] = {
    **_ANN,
    "of": "animals",
    "limit": 5,
    "household": {"kids": True, "dogs": False, "cats": True},
    "species": ["dog"],
    "sizes": ["small", "medium"],
    "maxFee": 200,
    "latitude": 37.7,
    "longitude": -121.1,
    "maxDistanceKm": 50,
    "deny": {"animals": ["a-9"], "breeds": ["Chow Chow"]},
}
PAGE: dict[str, object] = {
    "sessionId": "s-1",
    "of": "animals",
    "limit": 12,
    "include": ["animal"],
    "latitude": 37.7,
    "longitude": -121.1,
}
ANIMALS_RERANKING: dict[str, object] = {
    **_ANN,
    "of": "animals",
    "itemMetadataList": [{"itemId": "a-7"}, {"itemId": "a-8"}],
    "include": ["animal"],
}
FILTERED: dict[str, Any] = {
    **_ANN,
    "filter": "INCLUDE ItemID WHERE Items.ANIMAL_BREED IN ($BREED)",
    "filterValues": {"BREED": '"Beagle","Siamese"'},
    "metadataColumns": {"ITEMS": ["ANIMAL_BREED"]},
}
PROMOTED: dict[str, Any] = {
    **_ANN,
    "promotions": [
        {
            "name": "elders",
            "percentPromotedItems": 20,
            "filter": 'INCLUDE ItemID WHERE Items.ANIMAL_AGE IN ("3")',
        }
    ],
}
SHOP_EVENT: dict[str, object] = {
    **_ANN,
    "sessionId": "s-1",
    "eventType": "view",
    "itemId": "tent-3",
}
SHOP_RECOMMENDATION: dict[str, object] = {**_ANN, "datasetGroup": "shop", "limit": 5}
SHOP_SIMILAR: dict[str, object] = {
    "itemId": "tent-3",
    "campaign": "arn:aws:personalize:us-east-1:000000000000:campaign/shop-similar",
}
SHOP_RERANKING: dict[str, object] = {
    **_ANN,
    "datasetGroup": "shop",
    "itemMetadataList": [{"itemId": "tent-3"}, {"itemId": "stove-1"}],
}
