"""Phones of holders: cards put into wallets over HTTP, taps at terminals over ISO 8583.

cast -> stories -> day -> (issuer: HTTP), (till: DE55) -> (engine) -> report
"""
