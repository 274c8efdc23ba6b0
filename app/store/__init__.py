"""First floor: the only SQL.

Tables, connections, the ledger's writes and the SELECTs that answer plans live
here. What may be changed and who may ask is decided above.
"""
