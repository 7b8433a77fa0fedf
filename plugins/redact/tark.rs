//! tark.rs - canonical-ABI bindings for package tark:plugin, in one file and without crates.
//!
//! `tarkpm build` compiles `plugin.rs` for wasm32-unknown-unknown and makes a component of the module, which
//! imports only the functions it calls. Implement one of the traits `Tool`, `Hook`, `Auth` and `Provider`, and
//! name the type once with its macro: `tark::export_tool!(MyPlugin);`
//!
//! What the host returns becomes owned Rust values. What the plugin returns is kept until the host has read
//! it, and then freed (`cabi_post_…`).
#![allow(dead_code, unused_macros, unused_imports)]

use std::alloc::{alloc, realloc, Layout};

// ------------------------------------------------------------- what the host provides

macro_rules! import {
    ($interface:literal { $($link:literal $name:ident($($arg:ident: $kind:ty),*) $(-> $result:ty)?;)* }) => {
        #[link(wasm_import_module = $interface)]
        extern "C" { $(#[link_name = $link] fn $name($($arg: $kind),*) $(-> $result)?;)* }
    };
}

/// Logging, always granted.
pub mod log {
    import!("tark:plugin/log" {
        "debug" log_debug(text: *const u8, size: usize);
        "info" log_info(text: *const u8, size: usize);
        "warn" log_warn(text: *const u8, size: usize);
        "error" log_error(text: *const u8, size: usize);
    });
    pub fn debug(message: &str) { unsafe { log_debug(message.as_ptr(), message.len()) } }
    pub fn info(message: &str) { unsafe { log_info(message.as_ptr(), message.len()) } }
    pub fn warn(message: &str) { unsafe { log_warn(message.as_ptr(), message.len()) } }
    pub fn error(message: &str) { unsafe { log_error(message.as_ptr(), message.len()) } }
}

/// The time, always granted.
pub mod clock {
    import!("tark:plugin/clock" {
        "now" clock_now() -> u64;
        "monotonic" clock_monotonic() -> u64;
    });
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now() -> u64 { unsafe { clock_now() } }
    /// Milliseconds on a clock that never goes back.
    pub fn monotonic() -> u64 { unsafe { clock_monotonic() } }
}

/// Randomness fit for secrets, always granted.
pub mod random {
    use super::{taken, List};
    import!("tark:plugin/random" {
        "bytes" random_bytes(count: u32, out: *mut List<u8>);
        "number" random_number() -> u64;
    });
    /// So many bytes; 1024 at most.
    pub fn bytes(count: u32) -> Vec<u8> { unsafe { taken(|out| random_bytes(count, out)).items() } }
    pub fn number() -> u64 { unsafe { random_number() } }
}

/// Environment variables: `env = ["NAME"]` in `[capabilities]`.
pub mod env {
    use super::{taken, Opt};
    import!("tark:plugin/env" { "get" env_get(name: *const u8, size: usize, out: *mut Opt); });
    pub fn get(name: &str) -> Option<String> {
        unsafe { taken(|out| env_get(name.as_ptr(), name.len(), out)).owned() }
    }
}

/// Storage of the plugin's own: `storage = true` in `[capabilities]`.
pub mod storage {
    use super::{taken, List, Opt, Text};
    import!("tark:plugin/storage" {
        "get" storage_get(key: *const u8, size: usize, out: *mut Opt);
        "set" storage_set(key: *const u8, size: usize, text: *const u8, length: usize, out: *mut Opt);
        "delete" storage_delete(key: *const u8, size: usize, out: *mut Opt);
        "list-keys" storage_list_keys(out: *mut List<Text>);
    });
    pub fn get(key: &str) -> Option<String> {
        unsafe { taken(|out| storage_get(key.as_ptr(), key.len(), out)).owned() }
    }
    pub fn set(key: &str, value: &str) -> Result<(), String> {
        unsafe { taken(|out| storage_set(key.as_ptr(), key.len(), value.as_ptr(), value.len(), out)).failed() }
    }
    pub fn delete(key: &str) -> Result<(), String> {
        unsafe { taken(|out| storage_delete(key.as_ptr(), key.len(), out)).failed() }
    }
    pub fn list_keys() -> Vec<String> {
        unsafe { taken(|out| storage_list_keys(out)).owned() }
    }
}

/// Files of the workspace: `filesystem = ["docs/"]` in `[capabilities]`.
pub mod filesystem {
    use super::{taken, Answer, List, Opt, Text};
    import!("tark:plugin/filesystem" {
        "list" filesystem_list(path: *const u8, size: usize, out: *mut Listed);
        "stat" filesystem_stat(path: *const u8, size: usize, out: *mut Found);
        "read" filesystem_read(path: *const u8, size: usize, out: *mut Answer);
        "write" filesystem_write(path: *const u8, size: usize, text: *const u8, length: usize, out: *mut Opt);
        "remove" filesystem_remove(path: *const u8, size: usize, out: *mut Opt);
    });
    pub fn read(path: &str) -> Result<String, String> {
        unsafe { taken(|out| filesystem_read(path.as_ptr(), path.len(), out)).owned() }
    }
    pub fn write(path: &str, content: &str) -> Result<(), String> {
        unsafe { taken(|out| filesystem_write(path.as_ptr(), path.len(), content.as_ptr(), content.len(), out)).failed() }
    }
    pub fn remove(path: &str) -> Result<(), String> {
        unsafe { taken(|out| filesystem_remove(path.as_ptr(), path.len(), out)).failed() }
    }
    /// The entries of a folder, sorted by name.
    pub fn list(path: &str) -> Result<Vec<Entry>, String> {
        unsafe {
            let out = taken(|out| filesystem_list(path.as_ptr(), path.len(), out));
            if out.is_error != 0 { return Err(out.value.error.owned()); }
            Ok(out.value.entries.items().into_iter().map(|one| one.owned()).collect())
        }
    }
    pub fn stat(path: &str) -> Result<Entry, String> {
        unsafe {
            let out = taken(|out| filesystem_stat(path.as_ptr(), path.len(), out));
            if out.is_error != 0 { Err(out.value.error.owned()) } else { Ok(out.value.entry.owned()) }
        }
    }
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum Kind { File, Directory, Other }
    /// `size` is in bytes; 0 unless it is a file.
    pub struct Entry { pub name: String, pub kind: Kind, pub size: u64 }

    #[repr(C)] #[derive(Clone, Copy)] struct RawEntry { name: Text, kind: u8, size: u64 }
    #[repr(C)] union ListOr { entries: List<RawEntry>, error: Text }
    #[repr(C)] struct Listed { is_error: u8, value: ListOr }
    #[repr(C)] union EntryOr { entry: RawEntry, error: Text }
    #[repr(C)] struct Found { is_error: u8, value: EntryOr }
    impl RawEntry {
        unsafe fn owned(self) -> Entry {
            let kind = match self.kind { 0 => Kind::File, 1 => Kind::Directory, _ => Kind::Other };
            Entry { name: self.name.owned(), kind, size: self.size }
        }
    }
}

/// Programs, run as the user: `shell = true` in `[capabilities]`.
pub mod shell {
    use super::{taken, Text};
    import!("tark:plugin/shell" {
        "run" shell_run(argv: *const Text, count: usize, has_stdin: u32, stdin: *const u8, stdin_size: usize,
                        has_cwd: u32, cwd: *const u8, cwd_size: usize, has_timeout: u32, timeout_ms: u32, out: *mut Out);
    });
    /// `exit_code` is 128 + n if signal n ended the program.
    pub struct Output { pub exit_code: i32, pub stdout: String, pub stderr: String }
    /// No input, the workspace and the host's limit, unless something else is given.
    #[derive(Clone, Copy, Default)]
    pub struct Options<'a> { pub stdin: Option<&'a str>, pub cwd: Option<&'a str>, pub timeout_ms: Option<u32> }

    #[repr(C)] #[derive(Clone, Copy)] struct RawOutput { exit_code: i32, stdout: Text, stderr: Text }
    #[repr(C)] union Either { output: RawOutput, error: Text }
    #[repr(C)] struct Out { is_error: u8, value: Either }

    /// Run a program with its arguments; there is no shell, and nothing is expanded.
    pub fn run(argv: &[&str], options: Options) -> Result<Output, String> {
        let argv: Vec<Text> = argv.iter().map(|word| Text::of(word)).collect();
        let (stdin, cwd) = (options.stdin.unwrap_or(""), options.cwd.unwrap_or(""));
        let (has_stdin, has_cwd) = (options.stdin.is_some() as u32, options.cwd.is_some() as u32);
        let (has_timeout, timeout) = (options.timeout_ms.is_some() as u32, options.timeout_ms.unwrap_or(0));
        unsafe {
            let out = taken(|out| shell_run(
                argv.as_ptr(), argv.len(), has_stdin, stdin.as_ptr(), stdin.len(),
                has_cwd, cwd.as_ptr(), cwd.len(), has_timeout, timeout, out,
            ));
            if out.is_error != 0 { return Err(out.value.error.owned()); }
            let found = out.value.output;
            Ok(Output { exit_code: found.exit_code, stdout: found.stdout.owned(), stderr: found.stderr.owned() })
        }
    }
}

/// Requests: `http = ["api.example.com"]` in `[capabilities]`.
pub mod http {
    use super::{List, Text};
    use std::mem::MaybeUninit;
    import!("tark:plugin/http" {
        "get" http_get(url: *const u8, size: usize, headers: *const Pair, count: usize, out: *mut Out);
        "post" http_post(url: *const u8, size: usize, body: *const u8, length: usize,
                         headers: *const Pair, count: usize, out: *mut Out);
    });
    pub struct Response { pub status: u16, pub headers: Vec<(String, String)>, pub body: String }
    /// A request that got no answer.
    pub struct Error { pub message: String, pub status: Option<u16> }

    #[repr(C)] #[derive(Clone, Copy)] struct Pair { key: Text, value: Text }
    #[repr(C)] #[derive(Clone, Copy)] struct Ok_ { status: u16, headers: List<Pair>, body: Text }
    #[repr(C)] #[derive(Clone, Copy)] struct Err_ { message: Text, has_status: u8, status: u16 }
    #[repr(C)] union Either { ok: Ok_, error: Err_ }
    #[repr(C)] struct Out { is_error: u8, value: Either }

    pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        let pairs = pairs(headers);
        let mut out = MaybeUninit::<Out>::uninit();
        unsafe {
            http_get(url.as_ptr(), url.len(), pairs.as_ptr(), pairs.len(), out.as_mut_ptr());
            answered(out.assume_init())
        }
    }
    pub fn post(url: &str, body: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        let pairs = pairs(headers);
        let mut out = MaybeUninit::<Out>::uninit();
        unsafe {
            http_post(url.as_ptr(), url.len(), body.as_ptr(), body.len(), pairs.as_ptr(), pairs.len(), out.as_mut_ptr());
            answered(out.assume_init())
        }
    }
    fn pairs(headers: &[(&str, &str)]) -> Vec<Pair> {
        headers.iter().map(|(key, value)| Pair { key: Text::of(key), value: Text::of(value) }).collect()
    }
    unsafe fn answered(out: Out) -> Result<Response, Error> {
        if out.is_error != 0 {
            let found = out.value.error;
            let status = if found.has_status != 0 { Some(found.status) } else { None };
            return Err(Error { message: found.message.owned(), status });
        }
        let found = out.value.ok;
        let headers = found.headers.items().into_iter().map(|p| (p.key.owned(), p.value.owned())).collect();
        Ok(Response { status: found.status, headers, body: found.body.owned() })
    }
}

// ------------------------------------------------------------- what a plugin provides

pub struct ToolDef { pub name: String, pub description: String, /** A JSON schema. */ pub parameters: String }
#[derive(Clone, Copy)]
pub enum Risk { ReadOnly, Write, Risky, Dangerous }
pub trait Tool {
    fn tools() -> Vec<ToolDef>;
    fn risk(tool: &str) -> Risk;
    /// Run a tool with its arguments, a JSON text. The output is a text, JSON by convention.
    fn execute(tool: &str, arguments: &str) -> Result<String, String>;
}

pub enum Outcome { Continue, Replace(String), Stop(String) }
pub trait Hook {
    fn events() -> Vec<String>;
    /// Handle an event with its payload, a JSON text.
    fn handle(event: &str, payload: &str) -> Outcome;
}

pub struct DeviceCode {
    pub device_code: String, pub user_code: String, pub verification_url: String, pub expires_in: u64, pub interval: u64,
}
#[derive(Clone, Copy)]
pub enum Status { NotAuthenticated, Authenticated, Expired }
pub enum Poll { Pending, Success(String), Expired, Error(String) }
pub trait Auth {
    fn display_name() -> String;
    fn status() -> Status;
    fn start_device_flow() -> Result<DeviceCode, String>;
    fn poll(device_code: &str) -> Poll;
    fn get_token() -> Result<String, String>;
    fn logout() -> Result<(), String>;
}

#[derive(Clone, Copy)]
pub enum Role { System, User, Assistant, Tool }
pub struct Message { pub role: Role, pub content: String }
pub struct Chat { pub text: String, /** Input and output tokens. */ pub usage: Option<(u32, u32)> }
pub trait Provider {
    fn name() -> String;
    fn models() -> Vec<String>;
    fn chat(messages: &[Message], model: &str) -> Result<Chat, String>;
}

/// JSON (RFC 8259), as much as arguments and payloads need.
pub mod json {
    #[derive(Clone, Debug, PartialEq)]
    pub enum Json { Null, Bool(bool), Number(f64), Text(String), List(Vec<Json>), Object(Vec<(String, Json)>) }
    impl Json {
        /// The member of an object; the last one of a name.
        pub fn get(&self, key: &str) -> Option<&Json> {
            match self {
                Json::Object(members) => members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
                _ => None,
            }
        }
        pub fn text(&self) -> Option<&str> { if let Json::Text(text) = self { Some(text) } else { None } }
    }
    /// Read one value that is the whole text.
    pub fn parse(text: &str) -> Option<Json> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Some(value) } else { None }
    }
    /// A text as JSON writes it, with its quotes.
    pub fn quote(text: &str) -> String {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => { out.push('\\'); out.push(c) }
                c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
                c => out.push(c),
            }
        }
        out + "\""
    }
    struct Reader<'a> { text: &'a str, at: usize }
    impl<'a> Reader<'a> {
        fn rest(&self) -> &'a str { &self.text[self.at..] }
        fn space(&mut self) {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(&[' ', '\t', '\n', '\r'][..]).len();
        }
        fn taken(&mut self, word: &str) -> bool {
            let found = self.rest().starts_with(word);
            if found { self.at += word.len() }
            found
        }
        fn value(&mut self, depth: usize) -> Option<Json> {
            if depth > 100 { return None; }
            self.space();
            match self.rest().bytes().next()? {
                b'"' => self.string().map(Json::Text),
                b'[' => self.items('[', "]", |r| r.value(depth + 1)).map(Json::List),
                b'{' => self.items('{', "}", |r| {
                    r.space();
                    let name = r.string()?;
                    r.space();
                    if r.taken(":") { Some((name, r.value(depth + 1)?)) } else { None }
                }).map(Json::Object),
                _ if self.taken("null") => Some(Json::Null),
                _ if self.taken("true") => Some(Json::Bool(true)),
                _ if self.taken("false") => Some(Json::Bool(false)),
                _ => {
                    let rest = self.rest();
                    let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
                    self.at += end;
                    rest[..end].parse().ok().map(Json::Number)
                }
            }
        }
        fn items<T>(&mut self, open: char, close: &str, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
            self.at += open.len_utf8();
            let mut found = Vec::new();
            self.space();
            if self.taken(close) { return Some(found); }
            loop {
                found.push(read(self)?);
                self.space();
                if self.taken(close) { return Some(found); }
                if !self.taken(",") { return None; }
            }
        }
        fn string(&mut self) -> Option<String> {
            if !self.taken("\"") { return None; }
            let mut out = String::new();
            loop {
                let c = self.rest().chars().next()?;
                self.at += c.len_utf8();
                match c {
                    '"' => return Some(out),
                    '\\' => out.push(self.escape()?),
                    c if (c as u32) < 0x20 => return None,
                    c => out.push(c),
                }
            }
        }
        fn escape(&mut self) -> Option<char> {
            let c = self.rest().chars().next()?;
            self.at += c.len_utf8();
            Some(match c {
                'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\u{8}', 'f' => '\u{c}',
                '"' | '\\' | '/' => c,
                'u' => {
                    let high = self.hex()?;
                    if !(0xd800..0xdc00).contains(&high) { return char::from_u32(high); }
                    if !self.taken("\\u") { return None; }
                    let low = self.hex()?;
                    if !(0xdc00..0xe000).contains(&low) { return None; }
                    return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                }
                _ => return None,
            })
        }
        fn hex(&mut self) -> Option<u32> {
            let digits = self.rest().get(..4)?;
            if !digits.bytes().all(|c| c.is_ascii_hexdigit()) { return None; }
            self.at += 4;
            u32::from_str_radix(digits, 16).ok()
        }
    }
}

// ------------------------------------------------------------- the canonical ABI

/// How the host places values in this memory.
#[export_name = "cabi_realloc"]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 { return align as *mut u8; }
    let made = match old_size {
        0 => alloc(Layout::from_size_align_unchecked(size, align)),
        _ => realloc(old, Layout::from_size_align_unchecked(old_size, align), size),
    };
    if made.is_null() { std::process::abort() }
    made
}

#[repr(C)] #[derive(Clone, Copy)] pub struct Text { start: *mut u8, size: usize }
impl Text {
    fn of(text: &str) -> Text { Text { start: text.as_ptr() as *mut u8, size: text.len() } }
    unsafe fn owned(self) -> String { String::from_utf8_unchecked(Vec::from_raw_parts(self.start, self.size, self.size)) }
    pub fn kept(text: String) -> Text {
        let text = Box::leak(text.into_boxed_str());
        Text { start: text.as_mut_ptr(), size: text.len() }
    }
}
#[repr(C)] pub struct List<T> { start: *mut T, count: usize }
impl<T> Clone for List<T> { fn clone(&self) -> Self { *self } }
impl<T> Copy for List<T> {}
impl<T> List<T> {
    unsafe fn items(self) -> Vec<T> { Vec::from_raw_parts(self.start, self.count, self.count) }
    pub fn kept(items: Vec<T>) -> List<T> {
        let items = Box::leak(items.into_boxed_slice());
        List { start: items.as_mut_ptr(), count: items.len() }
    }
}
impl List<Text> {
    unsafe fn owned(self) -> Vec<String> { self.items().into_iter().map(|text| text.owned()).collect() }
}
/// option<string>, and result<_, string>
#[repr(C)] #[derive(Clone, Copy)] pub struct Opt { tag: u8, text: Text }
impl Opt {
    unsafe fn owned(self) -> Option<String> { if self.tag == 0 { None } else { Some(self.text.owned()) } }
    unsafe fn failed(self) -> Result<(), String> { if self.tag == 0 { Ok(()) } else { Err(self.text.owned()) } }
    pub fn tagged(tag: u8, text: Option<String>) -> Opt { Opt { tag, text: Text::kept(text.unwrap_or_default()) } }
}
/// result<string, string>
#[repr(C)] #[derive(Clone, Copy)] pub struct Answer { tag: u8, text: Text }
impl Answer {
    unsafe fn owned(self) -> Result<String, String> {
        if self.tag == 0 { Ok(self.text.owned()) } else { Err(self.text.owned()) }
    }
}
unsafe fn taken<T>(call: impl FnOnce(*mut T)) -> T {
    let mut out = std::mem::MaybeUninit::<T>::uninit();
    call(out.as_mut_ptr());
    out.assume_init()
}
pub unsafe fn argument(start: *mut u8, size: usize) -> String { Text { start, size }.owned() }

/// Values that are returned by address and freed once the host has read them. Wasm has one thread.
pub unsafe fn returned<T>(value: T) -> *mut T { Box::into_raw(Box::new(value)) }
pub unsafe fn freed<T: Release>(result: *mut T) { Box::from_raw(result).release() }
pub trait Release { unsafe fn release(self); }
impl Release for Text { unsafe fn release(self) { drop(self.owned()) } }
impl Release for Opt { unsafe fn release(self) { self.text.release() } }
impl<T: Release> Release for List<T> {
    unsafe fn release(self) { for item in self.items() { item.release() } }
}

#[repr(C)] pub struct RawTool { pub name: Text, pub description: Text, pub parameters: Text }
impl Release for RawTool {
    unsafe fn release(self) { self.name.release(); self.description.release(); self.parameters.release() }
}
#[repr(C)] pub struct RawResult { success: u8, output: Text, error: Opt }
impl Release for RawResult { unsafe fn release(self) { self.output.release(); self.error.release() } }
impl RawResult {
    pub fn of(result: Result<String, String>) -> RawResult {
        let success = result.is_ok() as u8;
        let (output, error) = match result { Ok(text) => (text, None), Err(text) => (String::new(), Some(text)) };
        RawResult { success, output: Text::kept(output), error: Opt::tagged(error.is_some() as u8, error) }
    }
}
#[repr(C)] pub struct RawCode { device: Text, user: Text, url: Text, expires_in: u64, interval: u64 }
#[repr(C)] pub union CodeOr { code: std::mem::ManuallyDrop<RawCode>, error: Text }
#[repr(C)] pub struct RawStart { is_error: u8, value: CodeOr }
impl RawStart {
    pub fn of(found: Result<DeviceCode, String>) -> RawStart {
        match found {
            Err(text) => RawStart { is_error: 1, value: CodeOr { error: Text::kept(text) } },
            Ok(c) => RawStart { is_error: 0, value: CodeOr { code: std::mem::ManuallyDrop::new(RawCode {
                device: Text::kept(c.device_code), user: Text::kept(c.user_code), url: Text::kept(c.verification_url),
                expires_in: c.expires_in, interval: c.interval,
            }) } },
        }
    }
}
impl Release for RawStart {
    unsafe fn release(self) {
        if self.is_error != 0 { return self.value.error.release(); }
        let code = std::mem::ManuallyDrop::into_inner(self.value.code);
        code.device.release(); code.user.release(); code.url.release()
    }
}
#[repr(C)] #[derive(Clone, Copy)] pub struct RawUsage { some: u8, input: u32, output: u32 }
#[repr(C)] #[derive(Clone, Copy)] pub struct RawChat { text: Text, usage: RawUsage }
#[repr(C)] pub union ChatOr { chat: RawChat, error: Text }
#[repr(C)] pub struct RawAnswer { is_error: u8, value: ChatOr }
impl RawAnswer {
    pub fn of(found: Result<Chat, String>) -> RawAnswer {
        match found {
            Err(text) => RawAnswer { is_error: 1, value: ChatOr { error: Text::kept(text) } },
            Ok(chat) => {
                let (input, output) = chat.usage.unwrap_or((0, 0));
                let usage = RawUsage { some: chat.usage.is_some() as u8, input, output };
                RawAnswer { is_error: 0, value: ChatOr { chat: RawChat { text: Text::kept(chat.text), usage } } }
            }
        }
    }
}
impl Release for RawAnswer {
    unsafe fn release(self) { if self.is_error != 0 { self.value.error.release() } else { self.value.chat.text.release() } }
}
#[repr(C)] pub struct RawMessage { role: u8, content: Text }
pub unsafe fn messages(start: *mut RawMessage, count: usize) -> Vec<Message> {
    let role = |role| match role { 0 => Role::System, 1 => Role::User, 2 => Role::Assistant, _ => Role::Tool };
    let raw = List { start, count }.items();
    raw.into_iter().map(|m| Message { role: role(m.role), content: m.content.owned() }).collect()
}

/// Log a panic before it ends the call: without WASI there is no standard error that Rust could write it to.
pub fn report_panics() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static IS_SET: AtomicBool = AtomicBool::new(false);
    // Once: the plugin may set a hook of its own.
    if IS_SET.swap(true, Ordering::Relaxed) { return; }
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic");
        let place = info.location().map(|place| place.to_string()).unwrap_or_default();
        // The form in which Rust writes it to standard error; the host looks for it.
        log::error(&format!("thread 'main' panicked at {}:\n{}", place, text));
    }));
}

#[macro_export]
macro_rules! exported {
    ($($name:literal $function:ident($($arg:ident: $kind:ty),*) -> $result:ty $body:block)*) => {
        $(#[export_name = $name] unsafe extern "C" fn $function($($arg: $kind),*) -> $result {
            $crate::tark::report_panics();
            $body
        })*
    };
}
#[macro_export]
macro_rules! freeing {
    ($($name:literal $function:ident: $kind:ty;)*) => {
        $(#[export_name = $name] unsafe extern "C" fn $function(result: *mut $kind) { $crate::tark::freed(result) })*
    };
}

#[macro_export]
macro_rules! export_tool { ($plugin:ty) => {
    use $crate::tark::{List as TarkList, RawResult, RawTool, Text as TarkText};
    $crate::exported! {
        "tark:plugin/tool-plugin#get-tools" tark_tools() -> *mut TarkList<RawTool> {
            let kept = <$plugin as $crate::tark::Tool>::tools().into_iter().map(|tool| RawTool {
                name: TarkText::kept(tool.name), description: TarkText::kept(tool.description),
                parameters: TarkText::kept(tool.parameters),
            });
            $crate::tark::returned(TarkList::kept(kept.collect()))
        }
        "tark:plugin/tool-plugin#get-risk-level" tark_risk(name: *mut u8, size: usize) -> u32 {
            <$plugin as $crate::tark::Tool>::risk(&$crate::tark::argument(name, size)) as u32
        }
        "tark:plugin/tool-plugin#execute" tark_execute(name: *mut u8, size: usize, text: *mut u8, length: usize) -> *mut RawResult {
            let (tool, arguments) = ($crate::tark::argument(name, size), $crate::tark::argument(text, length));
            $crate::tark::returned(RawResult::of(<$plugin as $crate::tark::Tool>::execute(&tool, &arguments)))
        }
    }
    $crate::freeing! {
        "cabi_post_tark:plugin/tool-plugin#get-tools" tark_post_tools: TarkList<RawTool>;
        "cabi_post_tark:plugin/tool-plugin#execute" tark_post_execute: RawResult;
    }
} }

#[macro_export]
macro_rules! export_hook { ($plugin:ty) => {
    use $crate::tark::{List as TarkList, Opt as TarkOpt, Outcome as TarkOutcome, Text as TarkText};
    $crate::exported! {
        "tark:plugin/hook-plugin#events" tark_events() -> *mut TarkList<TarkText> {
            let kept = <$plugin as $crate::tark::Hook>::events().into_iter().map(TarkText::kept);
            $crate::tark::returned(TarkList::kept(kept.collect()))
        }
        "tark:plugin/hook-plugin#handle" tark_handle(event: *mut u8, size: usize, text: *mut u8, length: usize) -> *mut TarkOpt {
            let (event, payload) = ($crate::tark::argument(event, size), $crate::tark::argument(text, length));
            $crate::tark::returned(match <$plugin as $crate::tark::Hook>::handle(&event, &payload) {
                TarkOutcome::Continue => TarkOpt::tagged(0, None),
                TarkOutcome::Replace(text) => TarkOpt::tagged(1, Some(text)),
                TarkOutcome::Stop(text) => TarkOpt::tagged(2, Some(text)),
            })
        }
    }
    $crate::freeing! {
        "cabi_post_tark:plugin/hook-plugin#events" tark_post_events: TarkList<TarkText>;
        "cabi_post_tark:plugin/hook-plugin#handle" tark_post_handle: TarkOpt;
    }
} }

#[macro_export]
macro_rules! export_auth { ($plugin:ty) => {
    use $crate::tark::{Opt as TarkOpt, Poll as TarkPoll, RawStart, Text as TarkText};
    $crate::exported! {
        "tark:plugin/auth-plugin#display-name" tark_display_name() -> *mut TarkText {
            $crate::tark::returned(TarkText::kept(<$plugin as $crate::tark::Auth>::display_name()))
        }
        "tark:plugin/auth-plugin#status" tark_status() -> u32 { <$plugin as $crate::tark::Auth>::status() as u32 }
        "tark:plugin/auth-plugin#start-device-flow" tark_start() -> *mut RawStart {
            $crate::tark::returned(RawStart::of(<$plugin as $crate::tark::Auth>::start_device_flow()))
        }
        "tark:plugin/auth-plugin#poll" tark_poll(code: *mut u8, size: usize) -> *mut TarkOpt {
            $crate::tark::returned(match <$plugin as $crate::tark::Auth>::poll(&$crate::tark::argument(code, size)) {
                TarkPoll::Pending => TarkOpt::tagged(0, None),
                TarkPoll::Success(text) => TarkOpt::tagged(1, Some(text)),
                TarkPoll::Expired => TarkOpt::tagged(2, None),
                TarkPoll::Error(text) => TarkOpt::tagged(3, Some(text)),
            })
        }
        "tark:plugin/auth-plugin#get-token" tark_get_token() -> *mut TarkOpt {
            $crate::tark::returned(match <$plugin as $crate::tark::Auth>::get_token() {
                Ok(text) => TarkOpt::tagged(0, Some(text)),
                Err(text) => TarkOpt::tagged(1, Some(text)),
            })
        }
        "tark:plugin/auth-plugin#logout" tark_logout() -> *mut TarkOpt {
            let found = <$plugin as $crate::tark::Auth>::logout();
            $crate::tark::returned(TarkOpt::tagged(found.is_err() as u8, found.err()))
        }
    }
    $crate::freeing! {
        "cabi_post_tark:plugin/auth-plugin#display-name" tark_post_display_name: TarkText;
        "cabi_post_tark:plugin/auth-plugin#start-device-flow" tark_post_start: RawStart;
        "cabi_post_tark:plugin/auth-plugin#poll" tark_post_poll: TarkOpt;
        "cabi_post_tark:plugin/auth-plugin#get-token" tark_post_get_token: TarkOpt;
        "cabi_post_tark:plugin/auth-plugin#logout" tark_post_logout: TarkOpt;
    }
} }

#[macro_export]
macro_rules! export_provider { ($plugin:ty) => {
    use $crate::tark::{List as TarkList, RawAnswer, RawMessage, Text as TarkText};
    $crate::exported! {
        "tark:plugin/provider-plugin#name" tark_name() -> *mut TarkText {
            $crate::tark::returned(TarkText::kept(<$plugin as $crate::tark::Provider>::name()))
        }
        "tark:plugin/provider-plugin#models" tark_models() -> *mut TarkList<TarkText> {
            let kept = <$plugin as $crate::tark::Provider>::models().into_iter().map(TarkText::kept);
            $crate::tark::returned(TarkList::kept(kept.collect()))
        }
        "tark:plugin/provider-plugin#chat" tark_chat(messages: *mut RawMessage, count: usize, model: *mut u8, size: usize) -> *mut RawAnswer {
            let (messages, model) = ($crate::tark::messages(messages, count), $crate::tark::argument(model, size));
            $crate::tark::returned(RawAnswer::of(<$plugin as $crate::tark::Provider>::chat(&messages, &model)))
        }
    }
    $crate::freeing! {
        "cabi_post_tark:plugin/provider-plugin#name" tark_post_name: TarkText;
        "cabi_post_tark:plugin/provider-plugin#models" tark_post_models: TarkList<TarkText>;
        "cabi_post_tark:plugin/provider-plugin#chat" tark_post_chat: RawAnswer;
    }
} }
