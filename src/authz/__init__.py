"""THE SERVICE: asking and answering.

The road, in order: server, connection, framing, iso8583, translate, batcher, engine, store (load),
authorize (the heart, pure), store (save); and back through translate, iso8583, framing, connection.
"""
