"""The seal of the trail: proof of one entry, verification of all, export that proves itself."""
