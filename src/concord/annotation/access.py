"""Who may ask for what: the one table of routes, and the gate that every request passes."""

from concord.annotation.values import Role

PUBLIC = frozenset({"health", "login"})
"""What needs no credentials, beside the pages' own files."""

ACCESS: dict[str, Role] = {
    "logout": "annotator",
    "me": "annotator",
    "list_projects": "annotator",
    "get_project": "annotator",
    "take_leases": "annotator",
    "renew_lease": "annotator",
    "release_lease": "annotator",
    "store_judgement": "annotator",
    "list_mine": "annotator",
    "get_progress": "annotator",
    "get_overview": "annotator",
    "get_guideline": "annotator",
    "list_guidelines": "annotator",
    "acknowledge_guideline": "annotator",
    "get_agreement": "reviewer",
    "get_opinions": "reviewer",
    "adjudicate": "reviewer",
    "get_comparison": "reviewer",
    "write_guideline": "admin",
    "list_people": "admin",
    "invite": "admin",
    "set_role": "admin",
    "new_link": "admin",
    "disable": "admin",
    "list_tokens": "admin",
    "make_token": "admin",
    "revoke_token": "admin",
    "make_project": "admin",
    "add_tasks": "admin",
    "set_priorities": "admin",
    "export": "admin",
    "erase": "admin",
    "verify_history": "admin",
}
"""The least role for each route by its name; a route that is missing here keeps the server from starting."""
