;; A plugin that does a little of everything, for tests of what works.
;; normalize: ASCII letters become small, in place. score: 0.5 for each. features: {length of the text}.
(module
  (import "kvasir" "log" (func $log (param i32 i32 i32)))
  (import "kvasir" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (import "kvasir" "metric_add" (func $metric_add (param i32 i32 f64)))
  (memory (export "memory") 2)
  (data (i32.const 16) "{\"name\":\"basic\",\"version\":\"1.2\",\"scorer\":{\"class\":\"rerank\"}}")
  (data (i32.const 128) "{\"accept\":false,\"reason\":\"stale\"}")
  (data (i32.const 192) "calls")
  (data (i32.const 208) "topic")
  (data (i32.const 224) "{\"verdict\":\"same\",\"reason\":\"both are texts\"}")
  (data (i32.const 320) "{\"topic\":\"")
  (func (export "kvasir_abi_version") (result i32) (i32.const 0x10000))

  ;; the buffer is everything above 4096
  (func $alloc (export "kvasir_alloc") (param $n i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.sub
      (i32.shr_u (i32.add (i32.add (local.get $n) (i32.const 4096)) (i32.const 65535)) (i32.const 16))
      (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.lt_s (memory.grow (local.get $pages)) (i32.const 0)) (then (return (i32.const 0))))))
    (i32.const 4096))

  (func $pack (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))

  (func (export "kvasir_init") (param i32 i32) (result i64)
    (call $log (i32.const 1) (i32.const 192) (i32.const 5))
    (call $pack (i32.const 16) (i32.const 60)))

  (func (export "kvasir_normalize") (param $ptr i32) (param $len i32) (result i64)
    (local $i i32) (local $c i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
      (local.set $c (i32.load8_u (i32.add (local.get $ptr) (local.get $i))))
      (if (i32.lt_u (i32.sub (local.get $c) (i32.const 65)) (i32.const 26))
        (then (i32.store8 (i32.add (local.get $ptr) (local.get $i)) (i32.or (local.get $c) (i32.const 32)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (call $metric_add (i32.const 192) (i32.const 5) (f64.const 1))
    (call $pack (local.get $ptr) (local.get $len)))

  (func (export "kvasir_score") (param $ptr i32) (param $len i32) (result i64)
    (local $n i32) (local $i i32)
    (local.set $n (i32.load (local.get $ptr)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
      (f32.store (i32.add (local.get $ptr) (i32.shl (local.get $i) (i32.const 2))) (f32.const 0.5))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (call $pack (local.get $ptr) (i32.shl (local.get $n) (i32.const 2))))

  ;; out: n, n times 1, zeros to a multiple of 8, n lengths; it is written behind the input
  (func (export "kvasir_features") (param $ptr i32) (param $len i32) (result i64)
    (local $n i32) (local $i i32) (local $out i32) (local $sets i32)
    (local.set $n (i32.load (local.get $ptr)))
    (local.set $out (i32.const 65536))
    (local.set $sets (i32.and (i32.add (i32.add (local.get $out) (i32.shl (local.get $n) (i32.const 2))) (i32.const 11)) (i32.const -8)))
    (i32.store (local.get $out) (local.get $n))
    (i32.store (i32.sub (local.get $sets) (i32.const 4)) (i32.const 0))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
      (i32.store (i32.add (local.get $out) (i32.add (i32.shl (local.get $i) (i32.const 2)) (i32.const 4))) (i32.const 1))
      (i64.store (i32.add (local.get $sets) (i32.shl (local.get $i) (i32.const 3)))
        (i64.load32_u (i32.add (local.get $ptr) (i32.add (i32.shl (local.get $i) (i32.const 2)) (i32.const 4)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (call $pack (local.get $out)
      (i32.add (i32.sub (local.get $sets) (local.get $out)) (i32.shl (local.get $n) (i32.const 3)))))

  (func (export "kvasir_on_hit") (param i32 i32) (result i64) (call $pack (i32.const 128) (i32.const 33)))
  (func (export "kvasir_on_miss") (param i32 i32) (result i64) (i64.const 0))
  (func (export "kvasir_explain") (param i32 i32) (result i64) (call $pack (i32.const 224) (i32.const 44)))

  ;; the topic is the one of the config
  (func (export "kvasir_on_lookup") (param i32 i32) (result i64)
    (local $n i32)
    (local.set $n (call $config_get (i32.const 208) (i32.const 5) (i32.const 330) (i32.const 64)))
    (if (i32.lt_s (local.get $n) (i32.const 0)) (then (return (i64.const 0))))
    (i32.store16 (i32.add (i32.const 330) (local.get $n)) (i32.const 0x7d22)) ;; "}
    (call $pack (i32.const 320) (i32.add (local.get $n) (i32.const 12)))))
