"""Ground floor: the nouns of the ledger and the rules between them.

Pure code on values. What lives here knows no database, no clock, no surface;
whatever it needs from outside is a parameter.
"""
