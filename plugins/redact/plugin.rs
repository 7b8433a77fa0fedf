//! redact: masks secrets in prompts and in what tools return, before a model or a log sees them.
//!
//! Only the texts of a payload change; its numbers and its shape stay as they are. All searches take time in
//! proportion to the text, whatever it is: it may come from somebody who wants this hook to be late.
mod tark;

struct Plugin;
export_hook!(Plugin);

impl tark::Hook for Plugin {
    fn events() -> Vec<String> {
        vec!["prompt".into(), "tool.after".into()]
    }

    fn handle(event: &str, payload: &str) -> tark::Outcome {
        if tark::json::parse(payload).is_none() {
            return tark::Outcome::Stop("the payload is not JSON, so it cannot be searched for secrets".into());
        }
        let (text, found) = redact_json(payload);
        if found.is_empty() {
            return tark::Outcome::Continue;
        }
        tark::log::warn(&format!("{event}: redacted {}", found.join(", ")));
        tark::Outcome::Replace(text)
    }
}

/// Redact each string of a JSON text, which is valid. What was found is named once, and never shown.
fn redact_json(text: &str) -> (String, Vec<&'static str>) {
    let (mut out, mut found, mut rest) = (String::new(), Vec::new(), text);
    while let Some(start) = rest.find('"') {
        let length = string_length(&rest[start..]);
        let (before, literal) = (&rest[..start], &rest[start..start + length]);
        out.push_str(before);
        // Decoded first: "\u0067hp_…" is a token, too.
        match tark::json::parse(literal).and_then(|value| value.text().and_then(|plain| redact(plain, &mut found))) {
            Some(masked) => out.push_str(&tark::json::quote(&masked)),
            None => out.push_str(literal),
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    (out, found)
}

/// The bytes of a string literal that begins a valid text, with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A secret: bytes `start..end` of a text.
struct Secret {
    start: usize,
    end: usize,
    what: &'static str,
}

/// Return a text without its secrets, or nothing if it has none.
fn redact(text: &str, found: &mut Vec<&'static str>) -> Option<String> {
    let (mut out, mut done, mut at) = (String::new(), 0, 0);
    while at < text.len() {
        match secret_at(text, at) {
            Some(secret) => {
                out.push_str(&text[done..secret.start]);
                out.push_str("[redacted: ");
                out.push_str(secret.what);
                out.push(']');
                if !found.contains(&secret.what) {
                    found.push(secret.what);
                }
                done = secret.end;
                at = secret.end.max(at + 1);
            }
            None => at += 1,
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    if done == 0 {
        return None;
    }
    out.push_str(&text[done..]);
    Some(out)
}

fn secret_at(text: &str, at: usize) -> Option<Secret> {
    match text.as_bytes()[at] {
        b'-' => private_key(text, at),
        b':' => password_in_url(text, at),
        b'a'..=b'z' | b'A'..=b'Z' if !follows_word(text, at) => {
            token(text, at).or_else(|| json_web_token(text, at)).or_else(|| authorization(text, at)).or_else(|| assigned(text, at))
        }
        _ => None,
    }
}

// -------------------------------------------------------------------------- the shapes

/// How far a candidate is read before it is known to be one, so that many of them do not take the square of the time.
const READ: usize = 512;

/// Prefixes that say what a token is: the least number of characters behind them, what else than letters and digits these may be.
const TOKENS: &[(&str, usize, &str, &str)] = &[
    ("ghp_", 36, "", "GitHub token"),
    ("gho_", 36, "", "GitHub token"),
    ("ghu_", 36, "", "GitHub token"),
    ("ghs_", 36, "", "GitHub token"),
    ("ghr_", 36, "", "GitHub token"),
    ("github_pat_", 22, "_", "GitHub token"),
    ("glpat-", 20, "_-", "GitLab token"),
    ("sk-", 20, "_-", "API key"),
    ("sk_live_", 16, "", "Stripe key"),
    ("rk_live_", 16, "", "Stripe key"),
    ("xoxb-", 10, "-", "Slack token"),
    ("xoxp-", 10, "-", "Slack token"),
    ("xoxa-", 10, "-", "Slack token"),
    ("xoxr-", 10, "-", "Slack token"),
    ("xoxs-", 10, "-", "Slack token"),
    ("AKIA", 16, "", "AWS key id"),
    ("ASIA", 16, "", "AWS key id"),
    ("AIza", 35, "_-", "Google API key"),
    ("npm_", 36, "", "npm token"),
    ("pypi-", 50, "_-", "PyPI token"),
    ("hf_", 30, "", "Hugging Face token"),
];

fn token(text: &str, at: usize) -> Option<Secret> {
    for &(prefix, least, others, what) in TOKENS {
        if !text[at..].starts_with(prefix) {
            continue;
        }
        let start = at + prefix.len();
        let head = run(text, start, READ, others);
        // Words such as "sk-learn-is-a-library-of-python" have no digit.
        if head - start >= least && text[start..head].bytes().any(|byte| byte.is_ascii_digit()) {
            return Some(Secret { start: at, end: run(text, head, usize::MAX, others), what });
        }
    }
    None
}

/// RFC 7519: three parts of base64url, of which the first begins with `{"`.
fn json_web_token(text: &str, at: usize) -> Option<Secret> {
    if !text[at..].starts_with("eyJ") || (at > 0 && "-.".contains(text.as_bytes()[at - 1] as char)) {
        return None;
    }
    let header = run(text, at, usize::MAX, "_-");
    if !text[header..].starts_with('.') {
        return None;
    }
    let claims = run(text, header + 1, usize::MAX, "_-");
    if header - at < 10 || claims - header < 10 || !text[claims..].starts_with('.') {
        return None;
    }
    Some(Secret { start: at, end: run(text, claims + 1, usize::MAX, "_-"), what: "JSON Web Token" })
}

/// `Bearer …` and `Basic …` (RFC 6750, RFC 7617).
fn authorization(text: &str, at: usize) -> Option<Secret> {
    let scheme = ["bearer ", "basic "].iter().find(|scheme| begins(text, at, scheme))?;
    let start = at + scheme.len();
    let head = run(text, start, READ, "-._~+/=");
    let is_secret = head - start >= 16 && text[start..head].bytes().any(|byte| byte.is_ascii_digit());
    if !is_secret {
        return None;
    }
    Some(Secret { start, end: run(text, head, usize::MAX, "-._~+/="), what: "credentials" })
}

/// `scheme://user:password@host`, at the colon of `://`.
fn password_in_url(text: &str, at: usize) -> Option<Secret> {
    if !text[at..].starts_with("://") || !follows_word(text, at) {
        return None;
    }
    let rest = &text[at + 3..];
    let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(rest.len());
    let user = rest[..end].rfind('@')?;
    let colon = rest[..user].find(':')?;
    if colon + 1 == user {
        return None;
    }
    Some(Secret { start: at + 3 + colon + 1, end: at + 3 + user, what: "password" })
}

/// A PEM block (RFC 7468) with a private key, to its end or that of the text.
fn private_key(text: &str, at: usize) -> Option<Secret> {
    let label = text[at..].strip_prefix("-----BEGIN ")?;
    let close = label.find("-----").filter(|&length| length <= 40)?;
    if !label[..close].ends_with("PRIVATE KEY") {
        return None;
    }
    let finish = format!("-----END {}-----", &label[..close]);
    let end = text[at..].find(&finish).map_or(text.len(), |length| at + length + finish.len());
    Some(Secret { start: at, end, what: "private key" })
}

const NAMES: &[&str] = &[
    "password", "passwd", "passphrase", "secret", "client_secret", "token", "access_token", "refresh_token", "auth_token",
    "api_key", "apikey", "api-key", "access_key", "secret_key", "secret_access_key", "private_key",
];

/// `password = "…"`, `"token": "…"`, `API_KEY=…`: a name, a colon or an equals sign, and a value of eight characters or more.
fn assigned(text: &str, at: usize) -> Option<Secret> {
    let word = run(text, at, 64, "_-");
    let name = text[at..word].to_ascii_lowercase();
    let ends_with = |one: &str| name.strip_suffix(one).map_or(false, |before| before.is_empty() || before.ends_with(&['_', '-'][..]));
    if !NAMES.iter().any(|one| ends_with(one)) {
        return None;
    }
    let spaces = |text: &str, at: usize| at + text[at..].bytes().take(8).take_while(|&byte| byte == b' ').count();
    // Inside of a JSON text the quotes of the name may be escaped.
    let quoted = |text: &str, at: usize| {
        let quote = at + text[at..].starts_with('\\') as usize;
        if text[quote..].starts_with(&['"', '\''][..]) { quote + 1 } else { at }
    };
    let sign = spaces(text, quoted(text, word));
    if !text[sign..].starts_with(&[':', '='][..]) {
        return None;
    }
    let open = spaces(text, sign + 1);
    let start = quoted(text, open);
    let is_quoted = start > open;
    let ends = |c: char| {
        if is_quoted { "\"'\\\r\n".contains(c) } else { c.is_whitespace() || "\"'\\,;&<>)}]".contains(c) }
    };
    let length = |from: usize, most: usize| text[from..].chars().take(most).take_while(|&c| !ends(c)).map(char::len_utf8).sum::<usize>();
    let head = start + length(start, READ);
    let value = &text[start..head];
    // Without quotes it could be a word of a sentence or of a program.
    let is_secret = is_quoted || value.bytes().any(|byte| byte.is_ascii_digit());
    if value.chars().count() < 8 || !is_secret || value.starts_with(&['[', '$', '{', '<'][..]) || value.contains('(') {
        return None;
    }
    Some(Secret { start, end: head + length(head, usize::MAX), what: "secret value" })
}

// -------------------------------------------------------------------------- reading

/// The end of letters, digits and `others` from `at` on, at most so many.
fn run(text: &str, at: usize, most: usize, others: &str) -> usize {
    let is_part = |&byte: &u8| byte.is_ascii_alphanumeric() || others.as_bytes().contains(&byte);
    at + text.as_bytes()[at..].iter().take(most).take_while(|byte| is_part(byte)).count()
}

fn follows_word(text: &str, at: usize) -> bool {
    at > 0 && (text.as_bytes()[at - 1].is_ascii_alphanumeric() || text.as_bytes()[at - 1] == b'_')
}

fn begins(text: &str, at: usize, word: &str) -> bool {
    text.as_bytes()[at..].get(..word.len()).map_or(false, |head| head.eq_ignore_ascii_case(word.as_bytes()))
}
