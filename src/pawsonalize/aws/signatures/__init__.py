"""Signature Version 4: who calls, and that nobody changed what they asked."""
