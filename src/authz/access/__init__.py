"""Who may talk to the service: API keys, certificates, networks, rates, and the log of acts."""
