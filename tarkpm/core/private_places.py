"""Private places: paths below a home folder that no plugin may access.

This holds for every capability that reaches files (`fs_read`, `filesystem`, credentials). A place is listed
because reading it is enough to misuse it: a key, a session, a shell history with pasted secrets, or tarkpm's
own record of whom to trust. A user who must share such a file can copy it elsewhere. Files that are run, or
that name commands to run, may be read and never written.
"""

from collections.abc import Mapping
from typing import Final

REASONS: Final = {
    "keys": "holds keys or passwords",
    "browser": "holds a browser's or mail program's sessions and passwords",
    "shell": "is run or recorded by your shell",
    "session": "gives access to your desktop session",
    "tark": "belongs to tark or tarkpm",
}

NAMES: Final = {
    "keys": (
        ".ssh .gnupg .aws .azure .kube .docker .netrc _netrc .git-credentials .password-store .pki .npmrc"
        " .yarnrc .yarnrc.yml .pypirc .pgpass .my.cnf .mylogin.cnf .vault-token .boto .s3cfg .terraform.d"
        " .terraformrc .oci .bitcoin .ethereum .electrum .1password .lastpass .databrickscfg .step .age .env"
        " .env.* .envrc"
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
"""Names that are private in any folder, also in a project. Each has at most one ``*``."""

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
        ".local/share/python_keyring",
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
"""Paths in the home folder that are private with everything below. ``*`` matches any end of a name."""

RUN: Final = (
    "bin .bin .local/bin .local/lib .local/libexec .local/share/applications .local/share/dbus-1 "
    ".local/share/systemd .local/share/pipx .local/share/uv .local/share/nvim .local/share/nautilus "
    ".local/share/kio .local/share/mise .local/share/virtualenvs .gitconfig .config/git .config/hg .hgrc "
    ".config/jj .jjconfig.toml .vimrc .vim .gvimrc .exrc .config/nvim .config/vim .emacs .emacs.d "
    ".config/emacs .config/Code* .config/VSCodium .config/Cursor .config/zed .config/helix "
    ".config/sublime* .config/JetBrains .vscode* .cursor .windsurf .claude .claude.json .codex .gemini "
    ".aider* .config/opencode .config/goose .config/mcp .continue .config/github-copilot .tmux.conf "
    ".config/tmux .screenrc .config/kitty .config/alacritty .config/wezterm .wezterm.lua .config/ghostty "
    ".config/starship.toml .config/direnv .config/mise .gdbinit .config/gdb .lldbinit .pdbrc .irbrc "
    ".pryrc .psqlrc .sqliterc .rprofile .ipython .jupyter .config/ipython .pythonrc .pythonrc.py "
    ".config/matplotlib .curlrc .wgetrc .mailcap .lessfilter .config/lesskey .lesskey .digrc .cargo "
    ".rustup .nvm .pyenv .rbenv .asdf .sdkman .bun .deno .volta .gradle .m2 .sbt .ivy2 .bundle .gem "
    ".gemrc .config/npm .config/yarn go/bin .oh-my-* .zplug .zinit .antigen* .config/sheldon .krew "
    ".config/i3* .config/sway .config/hypr .config/awesome .config/bspwm .config/sxhkd .config/openbox "
    ".config/qtile .config/plasma* .config/kde* .config/xfce4 .config/lxqt .config/mimeapps.list "
    ".xsessionrc .xmonad .fluxbox .Xresources .Xdefaults .xbindkeysrc Library/LaunchDaemons "
    "Library/Scripts Library/Services Library/Python Library/Preferences Library/Workflows "
    "Library/PreferencePanes Applications Library/Application* .npm .npm-*"
)
"""Paths like `PLACES` of files that are run or name commands to run. They are never written."""

MOVED: Final = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
    # Sockets of the session and of agents for keys, and podman's logins.
    "XDG_RUNTIME_DIR": ".dbus",
    "GNUPGHOME": ".gnupg",
    "PASSWORD_STORE_DIR": ".password-store",
    "DOCKER_CONFIG": ".docker",
    "AZURE_CONFIG_DIR": ".azure",
    "CLOUDSDK_CONFIG": ".config/gcloud",
    "GH_CONFIG_DIR": ".config/gh",
    "CARGO_HOME": ".cargo",
    "RUSTUP_HOME": ".rustup",
    "GRADLE_USER_HOME": ".gradle",
    "CODEX_HOME": ".codex",
    "CLAUDE_CONFIG_DIR": ".claude",
}
"""Environment variables that move a folder, and the default path of each below the home folder."""


def moved(environment: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the folders that variables moved, each with the parts of its default path in the home folder."""
    return tuple(
        (folder, tuple(usual.split("/")))
        for variable, usual in MOVED.items()
        if (folder := environment.get(variable, "")).startswith("/")
    )
