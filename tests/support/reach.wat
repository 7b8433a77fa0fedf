;; A tool plugin by hand that reaches for everything its host may have. A tool's name is one letter; "args" is
;; its arguments. A tool has succeeded if the host's function did, and its output is what the host said.
;;   r filesystem.read(args)    w filesystem.write("out.txt", args)   d filesystem.remove(args)
;;   t filesystem.stat(args), the size     l filesystem.list(args), the number of entries
;;   s shell.run([args], none, none, some(1000)), its standard output
;;   n clock.now    m clock.monotonic    x random.number    b random.bytes(number of bytes of args), how many
(component
  (type $kind (enum "file" "directory" "other"))
  (import "tark:plugin/filesystem" (instance $fs
    (type $k_ (enum "file" "directory" "other"))
    (export "kind" (type $k (eq $k_)))
    (type $e_ (record (field "name" string) (field "kind" $k) (field "size" u64)))
    (export "entry" (type $e (eq $e_)))
    (export "read" (func (param "path" string) (result (result string (error string)))))
    (export "write" (func (param "path" string) (param "content" string) (result (result (error string)))))
    (export "list" (func (param "path" string) (result (result (list $e) (error string)))))
    (export "stat" (func (param "path" string) (result (result $e (error string)))))
    (export "remove" (func (param "path" string) (result (result (error string)))))))
  (import "tark:plugin/shell" (instance $sh
    (type $o_ (record (field "exit-code" s32) (field "stdout" string) (field "stderr" string)))
    (export "output" (type $o (eq $o_)))
    (export "run" (func (param "argv" (list string)) (param "stdin" (option string))
      (param "cwd" (option string)) (param "timeout-ms" (option u32)) (result (result $o (error string)))))))
  (import "tark:plugin/clock" (instance $clock
    (export "now" (func (result u64))) (export "monotonic" (func (result u64)))))
  (import "tark:plugin/random" (instance $random
    (export "bytes" (func (param "count" u32) (result (list u8)))) (export "number" (func (result u64)))))
  (core module $mem
    (memory (export "memory") 4)
    (global $top (export "top") (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $p i32)
      (local.set $p (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $p) (local.get 3)))
      (local.get $p)))
  (core module $main
    (import "mem" "memory" (memory 1))
    (import "mem" "top" (global $top (mut i32)))
    (import "host" "read" (func $read (param i32 i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32 i32)))
    (import "host" "list" (func $list (param i32 i32 i32)))
    (import "host" "stat" (func $stat (param i32 i32 i32)))
    (import "host" "remove" (func $remove (param i32 i32 i32)))
    (import "host" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "monotonic" (func $monotonic (result i64)))
    (import "host" "bytes" (func $bytes (param i32 i32)))
    (import "host" "number" (func $number (result i64)))
    (data (i32.const 256) "out.txtdone")
    (func (export "get-tools") (result i32) (i32.store (i32.const 1020) (i32.const 0)) (i32.const 1016))
    (func (export "get-risk-level") (param i32 i32) (result i32) (i32.const 3))
    ;; tool-result at 960: success u8, output ptr len, error option (tag u8, ptr, len)
    (func $result (param $failed i32) (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.const 960) (i32.eqz (local.get $failed)))
      (i32.store (i32.const 964) (local.get $p)) (i32.store (i32.const 968) (local.get $n))
      (i32.store8 (i32.const 972) (local.get $failed))
      (i32.store (i32.const 976) (local.get $p)) (i32.store (i32.const 980) (local.get $n))
      (i32.const 960))
    (func $text (param $failed i32) (param $at i32) (result i32)  ;; ptr and len at $at
      (call $result (local.get $failed) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
    (func $done (result i32)  ;; of result<_, string> at 800
      (if (i32.load8_u (i32.const 800)) (then (return (call $text (i32.const 1) (i32.const 804)))))
      (call $result (i32.const 0) (i32.const 263) (i32.const 4)))
    (func $decimal (param $n i64) (result i32) (local $at i32)  ;; digits end at 720
      (local.set $at (i32.const 720))
      (loop $l
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at)
          (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
        (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
        (br_if $l (i64.ne (local.get $n) (i64.const 0))))
      (call $result (i32.const 0) (local.get $at) (i32.sub (i32.const 720) (local.get $at))))
    (func $is (param $t i32) (param $letter i32) (result i32)
      (i32.eq (i32.load8_u (local.get $t)) (local.get $letter)))
    (func (export "execute") (param $t i32) (param $tn i32) (param $a i32) (param $an i32) (result i32)
      (if (call $is (local.get $t) (i32.const 114)) (then
        (call $read (local.get $a) (local.get $an) (i32.const 800))
        (return (call $text (i32.load8_u (i32.const 800)) (i32.const 804)))))
      (if (call $is (local.get $t) (i32.const 119)) (then
        (call $write (i32.const 256) (i32.const 7) (local.get $a) (local.get $an) (i32.const 800))
        (return (call $done))))
      (if (call $is (local.get $t) (i32.const 100)) (then
        (call $remove (local.get $a) (local.get $an) (i32.const 800)) (return (call $done))))
      (if (call $is (local.get $t) (i32.const 116)) (then  ;; result at 800, entry at 808: ptr len kind size
        (call $stat (local.get $a) (local.get $an) (i32.const 800))
        (if (i32.load8_u (i32.const 800)) (then (return (call $text (i32.const 1) (i32.const 808)))))
        (return (call $decimal (i64.load (i32.const 824))))))
      (if (call $is (local.get $t) (i32.const 108)) (then
        (call $list (local.get $a) (local.get $an) (i32.const 800))
        (if (i32.load8_u (i32.const 800)) (then (return (call $text (i32.const 1) (i32.const 804)))))
        (return (call $decimal (i64.extend_i32_u (i32.load (i32.const 808)))))))
      (if (call $is (local.get $t) (i32.const 115)) (then  ;; output at 804: exit-code, stdout, stderr
        (i32.store (i32.const 900) (local.get $a)) (i32.store (i32.const 904) (local.get $an))
        (call $run (i32.const 900) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1000) (i32.const 800))
        (if (i32.load8_u (i32.const 800)) (then (return (call $text (i32.const 1) (i32.const 804)))))
        (return (call $text (i32.load (i32.const 804)) (i32.const 808)))))
      (if (call $is (local.get $t) (i32.const 110)) (then (return (call $decimal (call $now)))))
      (if (call $is (local.get $t) (i32.const 109)) (then (return (call $decimal (call $monotonic)))))
      (if (call $is (local.get $t) (i32.const 120)) (then (return (call $decimal (call $number)))))
      (if (call $is (local.get $t) (i32.const 98)) (then
        (call $bytes (local.get $an) (i32.const 800))
        (return (call $decimal (i64.extend_i32_u (i32.load (i32.const 804)))))))
      unreachable)
    (func (export "post") (param i32) (global.set $top (i32.const 4096))))
  (core instance $m (instantiate $mem))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (core func $read (canon lower (func $fs "read") (memory $memory) (realloc $realloc)))
  (core func $write (canon lower (func $fs "write") (memory $memory) (realloc $realloc)))
  (core func $list (canon lower (func $fs "list") (memory $memory) (realloc $realloc)))
  (core func $stat (canon lower (func $fs "stat") (memory $memory) (realloc $realloc)))
  (core func $remove (canon lower (func $fs "remove") (memory $memory) (realloc $realloc)))
  (core func $run (canon lower (func $sh "run") (memory $memory) (realloc $realloc)))
  (core func $now (canon lower (func $clock "now")))
  (core func $monotonic (canon lower (func $clock "monotonic")))
  (core func $bytes (canon lower (func $random "bytes") (memory $memory) (realloc $realloc)))
  (core func $number (canon lower (func $random "number")))
  (core instance $i (instantiate $main
    (with "mem" (instance $m))
    (with "host" (instance
      (export "read" (func $read)) (export "write" (func $write)) (export "list" (func $list))
      (export "stat" (func $stat)) (export "remove" (func $remove)) (export "run" (func $run))
      (export "now" (func $now)) (export "monotonic" (func $monotonic))
      (export "bytes" (func $bytes)) (export "number" (func $number))))))
;; EXPORTS: the types and exports of a tool plugin, as echo_tool.wat has them from `(type $tool-def` on
