;; A tool plugin by hand that asks a server. The arguments of every tool are {"url":"http…"}.
;;   fetch  http.get(url) without headers; logs the body and returns it
;;   first  the same, and returns the value of the response's first header
;;   claim  http.get(url) with a header of its own, AUTHORIZATION: mine
(component
  (import "tark:plugin/log" (instance $log (export "info" (func (param "message" string)))))
  (import "tark:plugin/http" (instance $http
    (type $r_ (record (field "status" u16) (field "headers" (list (tuple string string))) (field "body" string)))
    (export "http-response" (type $r (eq $r_)))
    (type $e_ (record (field "message" string) (field "status" (option u16))))
    (export "http-error" (type $e (eq $e_)))
    (export "get" (func (param "url" string) (param "headers" (list (tuple string string)))
      (result (result $r (error $e)))))))
  (core module $mem
    (memory (export "memory") 1)
    (global $top (export "top") (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $p i32)
      (local.set $p (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $p) (local.get 3)))
      (block $ok (loop $l
        (br_if $ok (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $l)))
      (local.get $p)))
  (core module $main
    (import "mem" "memory" (memory 1))
    (import "mem" "top" (global $top (mut i32)))
    (import "host" "info" (func $info (param i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32 i32 i32)))
    (data (i32.const 256) "fetchfirstclaim{\22type\22:\22object\22}AUTHORIZATIONmine")
    ;; One header at 640: AUTHORIZATION: mine
    (data (i32.const 640) "\20\01\00\00\0d\00\00\00\2d\01\00\00\04\00\00\00")
    (func $def (param $at i32) (param $p i32)
      (i32.store (local.get $at) (local.get $p)) (i32.store offset=4 (local.get $at) (i32.const 5))
      (i32.store offset=8 (local.get $at) (local.get $p)) (i32.store offset=12 (local.get $at) (i32.const 5))
      (i32.store offset=16 (local.get $at) (i32.const 271)) (i32.store offset=20 (local.get $at) (i32.const 17)))
    (func (export "get-tools") (result i32)
      (call $def (i32.const 1024) (i32.const 256))
      (call $def (i32.const 1048) (i32.const 261))
      (call $def (i32.const 1072) (i32.const 266))
      (i32.store (i32.const 1016) (i32.const 1024)) (i32.store (i32.const 1020) (i32.const 3))
      (i32.const 1016))
    (func (export "get-risk-level") (param i32 i32) (result i32) (i32.const 0))
    ;; tool-result at 960: success u8, output ptr len, error option (tag u8, ptr, len)
    (func $result (param $ok i32) (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.const 960) (local.get $ok))
      (i32.store (i32.const 964) (local.get $p))
      (i32.store (i32.const 968) (select (local.get $n) (i32.const 0) (local.get $ok)))
      (i32.store8 (i32.const 972) (i32.eqz (local.get $ok)))
      (i32.store (i32.const 976) (local.get $p)) (i32.store (i32.const 980) (local.get $n))
      (i32.const 960))
    (func (export "execute") (param $t i32) (param $tn i32) (param $a i32) (param $an i32) (result i32)
      (local $end i32)
      (local.set $end (i32.add (local.get $a) (i32.sub (local.get $an) (i32.const 2))))
      ;; The URL begins with the first h, and ends before the last two bytes.
      (loop $l
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (br_if $l (i32.and (i32.ne (i32.load8_u (local.get $a)) (i32.const 104))
                           (i32.lt_u (local.get $a) (local.get $end)))))
      ;; The answer at 800: failed u8; status u16, headers ptr len, body ptr len | message ptr len, status.
      (call $get (local.get $a) (i32.sub (local.get $end) (local.get $a)) (i32.const 640)
        (i32.eq (i32.load8_u (local.get $t)) (i32.const 99)) (i32.const 800))
      (if (i32.load8_u (i32.const 800)) (then
        (return (call $result (i32.const 0) (i32.load (i32.const 804)) (i32.load (i32.const 808))))))
      (if (i32.and (i32.eq (i32.load8_u offset=1 (local.get $t)) (i32.const 105)) (i32.load (i32.const 812))) (then
        (local.set $a (i32.load (i32.const 808)))
        (return (call $result (i32.const 1) (i32.load offset=8 (local.get $a)) (i32.load offset=12 (local.get $a))))))
      (call $info (i32.load (i32.const 816)) (i32.load (i32.const 820)))
      (call $result (i32.const 1) (i32.load (i32.const 816)) (i32.load (i32.const 820))))
    (func (export "post") (param i32) (global.set $top (i32.const 4096))))
  (core instance $m (instantiate $mem))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (core func $info (canon lower (func $log "info") (memory $memory) (realloc $realloc)))
  (core func $get (canon lower (func $http "get") (memory $memory) (realloc $realloc)))
  (core instance $i (instantiate $main
    (with "mem" (instance $m))
    (with "host" (instance (export "info" (func $info)) (export "get" (func $get))))))
;; EXPORTS: the types and exports of a tool plugin, as echo_tool.wat has them from `(type $tool-def` on
