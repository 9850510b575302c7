"""Events: taken in, stored once, read as histories, archived, erased; files of all datasets."""
