"""The tables, and the folder of trained models.

A class for each subject reads and writes its tables. Every method may raise StorageUnavailable:
then nothing of this call is stored, and what was stored before is intact. Moments are
milliseconds since 1970.
"""
