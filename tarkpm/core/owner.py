"""Owners: stored data and the disabled flag belong to a binding's publisher, not to the plugin's name."""

from collections.abc import Mapping

import msgspec

from tarkpm.core.binding import Publisher


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The data and settings of one publisher's plugin of a name.

    ``folder`` is the name of its data folder, ``disabled`` whether the user disabled it. ``publisher`` is
    None in records of older versions of tarkpm: the data then belongs to the installed plugin.
    """

    folder: str
    publisher: Publisher | None = None
    disabled: bool = False


Owners = Mapping[str, tuple[Owner, ...]]
"""Owners by plugin name. The last one is the current one."""


def with_disabled(owners: Owners, disabled: Mapping[str, bool]) -> dict[str, tuple[Owner, ...]]:
    """Return the owners with the current one of each plugin in ``disabled`` set to that flag."""
    changed = {
        name: (*owners[name][:-1], msgspec.structs.replace(owners[name][-1], disabled=flag))
        for name, flag in disabled.items()
        if name in owners
    }
    return {**owners, **changed}


def current_owner(owners: Owners, name: str) -> Owner:
    """Return the current owner of what a plugin stores."""
    return owners.get(name, (Owner(name, Publisher()),))[-1]


def claim(owners: Owners, name: str, publisher: Publisher, *, keep_data: bool) -> tuple[Owner, ...]:
    """Return the owners of a name after ``publisher`` takes it over.

    A new publisher starts with an empty folder, or with the current one if ``keep_data`` is set. A publisher
    that returns gets its former folder.
    """
    known = owners.get(name, ())
    match = next((one for one in known[-1:] if _continues(one, publisher)), None)
    match = match or next((one for one in known[:-1] if _returns(one, publisher)), None)
    if match is None and keep_data and known:
        match = known[-1]
    if match is None:
        match = Owner(_free_folder(name, known))
    # A pull that changes the publisher must not re-enable a plugin.
    disabled = match.disabled or (bool(known) and known[-1].disabled)
    others = tuple(one for one in known if one.folder != match.folder)
    return (*others, msgspec.structs.replace(match, publisher=publisher, disabled=disabled))


def _continues(owner: Owner, publisher: Publisher) -> bool:
    return owner.publisher is None or publisher.succeeds(owner.publisher)


def _returns(owner: Owner, publisher: Publisher) -> bool:
    """Return whether ``publisher`` is a former owner that returns, without an additional signer."""
    former = owner.publisher
    if former is None or not publisher.succeeds(former):
        return False
    return {*publisher.signers} <= {*former.signers}


def _free_folder(name: str, known: tuple[Owner, ...]) -> str:
    """Return a folder name that no owner has; ``@`` cannot occur in a plugin's name."""
    taken = {one.folder for one in known}
    candidates = (name, *(f"{name}@{number}" for number in range(2, len(taken) + 2)))
    return next(folder for folder in candidates if folder not in taken)
