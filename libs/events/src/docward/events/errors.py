"""Errors of the wire: what makes a record unreadable."""

from __future__ import annotations


class UndecodableError(Exception):
    """The record is no message that this system knows: its envelope, version or body is wrong. Says what."""


class BadSignatureError(Exception):
    """The record does not prove who sent it: `ce_actor` is missing, forged, or signed by an unknown key."""
