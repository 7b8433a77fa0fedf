"""What below a home folder no plugin is ever let read, whatever it asks for and whoever would grant it.

Each place is there because reading it is having it: a key, a session, a history full of pasted secrets, or
what tells tarkpm whom to trust. A person who must hand out one of these can copy it elsewhere first.
"""

from typing import Final

REASONS: Final = {
    "keys": "holds keys or passwords",
    "browser": "holds a browser's or mail program's sessions and passwords",
    "shell": "is what your shell runs or remembers",
    "session": "opens your desktop session",
    "tark": "is tark's or tarkpm's own",
}

NAMES: Final = {
    "keys": (
        ".ssh .gnupg .aws .azure .kube .docker .netrc _netrc .git-credentials .password-store .pki .npmrc"
        " .yarnrc .yarnrc.yml .pypirc .pgpass .my.cnf .mylogin.cnf .vault-token .boto .s3cfg .terraform.d"
        " .terraformrc .oci .bitcoin .ethereum .electrum .1password .lastpass .databrickscfg .step .age .env"
        " id_rsa id_dsa id_ecdsa id_ed25519 *.pem *.key *.p12 *.pfx *.kdbx *.jks *.keystore"
        " *.keychain *.keychain-db"
    ),
    "browser": ".mozilla .thunderbird .waterfox .librewolf .zen",
    "shell": (
        ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile"
        " .zlogin .zlogout .zsh_sessions .kshrc .cshrc .tcshrc .login .inputrc .*_history .histfile"
        " .zhistory .lesshst .viminfo .wget-hsts"
    ),
    "session": ".Xauthority .ICEauthority .xinitrc .xsession .xprofile .pam_environment .dbus",
}
"""Names that are private wherever below the home folder they stand; one ``*`` at most in each."""

PLACES: Final = {
    "keys": (
        ".config/git/credentials",
        ".config/gh",
        ".config/glab-cli",
        ".config/hub",
        ".config/gcloud",
        ".config/doctl",
        ".config/containers",
        ".config/helm",
        ".config/rclone",
        ".config/sops",
        ".config/age",
        ".config/op",
        ".config/1Password",
        ".config/Bitwarden*",
        ".config/keepassxc",
        ".config/solana",
        ".config/borg",
        ".config/pypoetry",
        ".config/pip",
        ".config/uv",
        ".cargo/credentials*",
        ".gem/credentials",
        ".m2/settings*",
        ".gradle/gradle.properties",
        ".local/share/keyrings",
        ".local/share/kwalletd",
        ".local/share/gopass",
        ".subversion/auth",
        "Library/Keychains",
    ),
    "browser": (
        ".config/google-chrome*",
        ".config/chromium*",
        ".config/BraveSoftware",
        ".config/microsoft-edge*",
        ".config/vivaldi*",
        ".config/opera*",
        ".config/mozilla",
        ".config/Signal",
        ".config/discord",
        ".config/Slack",
        ".local/share/TelegramDesktop",
        ".local/share/evolution",
        ".cache/google-chrome*",
        ".cache/chromium*",
        ".cache/mozilla",
        ".var/app",
        "snap",
        "Library/Application Support",
        "Library/Containers",
        "Library/Group Containers",
        "Library/Cookies",
        "Library/Safari",
        "Library/Mail",
        "Library/Messages",
        "Library/Caches",
    ),
    "shell": (
        ".config/fish",
        ".local/share/fish",
        ".config/zsh",
        ".config/environment.d",
        ".config/nushell",
        ".local/share/bash*",
        ".local/share/zsh*",
    ),
    "session": (".config/autostart", ".config/systemd", ".config/pulse/cookie", "Library/LaunchAgents"),
    "tark": (".config/tark", ".local/share/tark", ".local/state/tarkpm", ".cache/tarkpm", ".tark"),
}
"""Paths from the home folder: what they name and everything below. ``*`` stands for any end of a name."""
