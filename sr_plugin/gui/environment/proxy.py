"""The proxy of QGIS' options, in the form that pip takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Tuple
from urllib.parse import quote, urlsplit

from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsSettings

_SCHEMES = {"HttpProxy": "http", "HttpCachingProxy": "http", "Socks5Proxy": "socks5h"}


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        address: with user name and password, so never to be shown; hidden in texts made of the object.
        name: host and port, to be shown.
        excluded: hosts that are reached without it.
    """

    address: str = field(repr=False)
    name: str
    excluded: Tuple[str, ...] = ()


def proxy_of_qgis() -> Optional[Proxy]:
    """The proxy that the user set in QGIS' options; None where none is set or the system's own settings are meant."""
    settings = QgsSettings()
    if not settings.value("proxy/proxyEnabled", False, type=bool):
        return None
    scheme = _SCHEMES.get(str(settings.value("proxy/proxyType", "")))
    host = str(settings.value("proxy/proxyHost", "") or "").strip()
    if scheme is None or not host:
        return None
    port = str(settings.value("proxy/proxyPort", "") or "").strip()
    name = f"{host}:{port}" if port else host
    user, password = _login(settings)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    return Proxy(f"{scheme}://{login}{name}", name, tuple(_excluded(settings)))


def _login(settings: QgsSettings) -> Tuple[str, str]:
    """User name and password: typed in, or stored in QGIS' encrypted store of logins."""
    stored = str(settings.value("proxy/authcfg", "") or "")
    if stored:
        login = QgsAuthMethodConfig()
        known, login = QgsApplication.authManager().loadAuthenticationConfig(stored, login, True)
        return (login.config("username"), login.config("password")) if known else ("", "")
    names = ("proxy/proxyUser", "proxy/proxyPassword")
    user, password = (str(settings.value(name, "") or "") for name in names)
    return user, password


def _excluded(settings: QgsSettings) -> List[str]:
    """Hosts of the addresses that QGIS reaches without the proxy; it stores the beginnings of addresses."""
    found: List[str] = []
    for key in ("proxy/proxyExcludedUrls", "proxy/noProxyUrls"):
        value = settings.value(key, []) or []
        for address in [value] if isinstance(value, str) else value:
            host = urlsplit(address if "//" in address else f"//{address}").hostname
            if host and host not in found:
                found.append(host)
    return found
