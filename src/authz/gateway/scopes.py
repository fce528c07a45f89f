"""Which scopes each operation of `/v1` is open to: one table; what is not in it is closed.

Any one of an operation's scopes will do. A key of the scope `holder` or `employer` is that of an
application which serves holders or employers, all of them: it answers for whom it shows what.
"""

from collections.abc import Mapping
from typing import Any, Final

from authz.access.scopes import Scope, in_order

PREFIX: Final = "/v1"
SCHEME: Final = "apiKey"

GATEWAY, HOLDER, EMPLOYER, OPS, AUDITOR = Scope
_ACCOUNTS, _CARDS, _TOKENS = "/accounts/{account_id}", "/cards/{card_id}", "/tokens/{token_id}"
_PAYMENTS, _LOADS, _EMPLOYERS = "/authorizations", "/loads", "/employers/{employer_id}"
_MERCHANTS = "/merchants/{acquirer}/{mid}"
_PAYMENT, _LOAD = f"{_PAYMENTS}/{{authorization_id}}", f"{_LOADS}/{{load_id}}"

SCOPES: Final[Mapping[tuple[str, str], frozenset[Scope]]] = {
    operation: frozenset(scopes)
    for operation, scopes in {
        ("POST", _PAYMENTS): [GATEWAY],
        ("POST", f"{_PAYMENT}/capture"): [GATEWAY],
        ("POST", f"{_PAYMENT}/cancel"): [GATEWAY],
        ("POST", f"{_PAYMENT}/refund"): [GATEWAY],
        ("GET", _PAYMENTS): [GATEWAY, HOLDER, OPS, AUDITOR],
        ("GET", _PAYMENT): [GATEWAY, HOLDER, OPS, AUDITOR],
        ("GET", f"{_PAYMENT}/trace"): [HOLDER, OPS, AUDITOR],
        ("GET", _ACCOUNTS): [HOLDER, OPS, AUDITOR],
        ("GET", f"{_ACCOUNTS}/statement"): [HOLDER, OPS, AUDITOR],
        ("POST", f"{_ACCOUNTS}/bank-card"): [HOLDER],
        ("DELETE", f"{_ACCOUNTS}/bank-card"): [HOLDER, OPS],
        ("PUT", f"{_ACCOUNTS}/contact"): [HOLDER, OPS],
        ("GET", f"{_ACCOUNTS}/contact"): [HOLDER, OPS],
        ("DELETE", f"{_ACCOUNTS}/contact"): [HOLDER, OPS],
        ("POST", f"{_ACCOUNTS}/exchange"): [HOLDER, OPS],
        ("POST", f"{_ACCOUNTS}/gifts"): [HOLDER],
        ("POST", f"{_ACCOUNTS}/paper"): [HOLDER, EMPLOYER, OPS],
        ("POST", f"{_ACCOUNTS}/close"): [EMPLOYER, OPS],
        ("PUT", _ACCOUNTS): [OPS],
        ("GET", f"{_ACCOUNTS}/record"): [OPS, AUDITOR],
        ("PUT", "/issuer"): [OPS],
        ("GET", "/issuer"): [OPS, AUDITOR],
        ("PUT", _EMPLOYERS): [OPS],
        ("GET", "/employers"): [OPS, AUDITOR],
        ("GET", _EMPLOYERS): [OPS, AUDITOR],
        ("PUT", _MERCHANTS): [OPS],
        ("GET", "/merchants"): [OPS, AUDITOR],
        ("GET", _MERCHANTS): [OPS, AUDITOR],
        ("PUT", _CARDS): [OPS],
        ("GET", f"{_CARDS}/record"): [OPS, AUDITOR],
        ("PUT", "/charities/{charity_id}"): [OPS],
        ("GET", _CARDS): [HOLDER, OPS, AUDITOR],
        ("POST", f"{_CARDS}/activate"): [HOLDER, OPS],
        ("POST", f"{_CARDS}/block"): [HOLDER, OPS],
        ("POST", f"{_CARDS}/unblock"): [HOLDER, OPS],
        ("POST", f"{_CARDS}/oppose"): [HOLDER, OPS],
        ("POST", f"{_CARDS}/replace"): [OPS],
        ("POST", f"{_CARDS}/pin"): [HOLDER, OPS],
        ("POST", "/tokens"): [GATEWAY],
        ("GET", _TOKENS): [GATEWAY, HOLDER, OPS, AUDITOR],
        ("POST", f"{_TOKENS}/activate"): [GATEWAY, HOLDER],
        ("POST", f"{_TOKENS}/resend-code"): [GATEWAY, HOLDER, OPS],
        ("POST", f"{_TOKENS}/suspend"): [GATEWAY, HOLDER, OPS],
        ("POST", f"{_TOKENS}/resume"): [GATEWAY, HOLDER, OPS],
        ("POST", f"{_TOKENS}/attestation"): [GATEWAY, OPS],
        ("DELETE", _TOKENS): [GATEWAY, HOLDER, OPS],
        ("POST", _LOADS): [EMPLOYER, OPS],
        ("GET", _LOAD): [EMPLOYER, OPS, AUDITOR],
        ("POST", f"{_LOAD}/payment"): [OPS],
        ("POST", f"{_LOAD}/bounce"): [OPS],
        ("POST", f"{_EMPLOYERS}/exchange"): [EMPLOYER, OPS],
        ("GET", "/vintages/{vintage}/shares"): [EMPLOYER, OPS, AUDITOR],
        ("GET", "/ledger/trial-balance"): [OPS, AUDITOR],
        ("GET", "/ledger/accounts/{account_id}"): [OPS, AUDITOR],
        ("GET", "/ledger/transfers"): [OPS, AUDITOR],
        ("GET", "/acts"): [AUDITOR],
        ("POST", "/test/clock"): [OPS],
        ("GET", "/test/codes/{token_id}"): [OPS],
    }.items()
}


def scopes_of(method: str, path: str) -> frozenset[Scope]:
    """Who may use the operation of this route; nobody where it is not in the table."""
    return SCOPES.get((method, path.removeprefix(PREFIX)), frozenset())


def describe(document: dict[str, Any]) -> None:
    """Say in the OpenAPI document what each operation asks for; several ways are alternatives."""
    document["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of 'millesime keys create'. With the test clock, also 'dev'.",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith(PREFIX):
                scopes = in_order(scopes_of(method.upper(), path))
                operation["security"] = [{SCHEME: [scope]} for scope in scopes]
