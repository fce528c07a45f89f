"""THE SERVICE: asking and answering.

The road, in order: door (a peer's bytes), wire and iso8583 (a request), batch, storage (load),
decide (the heart, pure), storage (save); and back through wire, iso8583 and door. HTTP comes in by
gateway and goes the same road. All other packages are off it.
"""
