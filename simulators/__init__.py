"""The outside world, for tests and demonstrations: terminals, acquirers, traffic, faults, auditor.

Speaks to the engine as strangers do, through pyiso8583 and HTTP, and imports nothing of it: a
mistake of the engine finds no accomplice here.

    world_file -> traffic -> messages -> wire -> frames -> link -> (engine) -> journal -> auditor
"""
