;; A plugin that does what it should not. The first byte of a text says what; any other text comes
;; back as it is.
(module
  (import "kvasir" "log" (func $log (param i32 i32 i32)))
  (import "kvasir" "error_set" (func $error_set (param i32 i32)))
  (import "kvasir" "text_fold" (func $text_fold (param i32 i32 i32 i32 i32) (result i32)))
  (import "kvasir" "ngrams" (func $ngrams (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "kvasir" "ngram_jaccard" (func $ngram_jaccard (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "kvasir" "set_jaccard" (func $set_jaccard (param i32 i32 i32 i32) (result i32)))
  (import "kvasir" "metric_add" (func $metric_add (param i32 i32 f64)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) "\ff\fe")
  (data (i32.const 32) "on purpose")
  (data (i32.const 60) "\08\00\00\00o\00o\00p\00s\00") ;; a text of AssemblyScript
  (data (i32.const 80) "\00\10\00\00\00\00\3f\00\00\10\00\00\00\00\3f\00") ;; two buffers of nearly all memory
  (data (i32.const 128) "{\"keep\":true}")
  (data (i32.const 160) "{\"bypass\":true,\"extra\":1}")
  (data (i32.const 192) "no JSON")
  (data (i32.const 224) "panic: the program is lost\0a")
  (data (i32.const 256) "\e0\00\00\00\1b\00\00\00")
  (func (export "kvasir_abi_version") (result i32) (i32.const 0x10000))
  (func (export "kvasir_alloc") (param $n i32) (result i32) (i32.const 4096))
  (func $pack (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
  (func $down (param $n i32) (result i32) (i32.add (i32.const 1) (call $down (i32.add (local.get $n) (i32.const 1)))))

  (func (export "kvasir_normalize") (param $ptr i32) (param $len i32) (result i64)
    (local $c i32) (local $i i32)
    (if (i32.eqz (local.get $len)) (then (return (i64.const 0))))
    (local.set $c (i32.load8_u (local.get $ptr)))
    (if (i32.eq (local.get $c) (i32.const 0x6c)) (then (loop $l (br $l))))                        ;; l: loop
    (if (i32.eq (local.get $c) (i32.const 0x62)) (then                                           ;; b: bulk memory
      (loop $l (memory.fill (i32.const 4096) (i32.const 0) (i32.const 4000000)) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x72)) (then (drop (call $down (i32.const 0)))))        ;; r: recursion
    (if (i32.eq (local.get $c) (i32.const 0x67)) (then                                           ;; g: growth
      (loop $l (drop (memory.grow (i32.const 16))) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x47)) (then                                           ;; G: growth, then an answer
      (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 256)) (i32.const 0))))))
    (if (i32.eq (local.get $c) (i32.const 0x70)) (then                                           ;; p: pointer
      (return (call $pack (i32.const 0x7ffffff0) (i32.const 100)))))
    (if (i32.eq (local.get $c) (i32.const 0x77)) (then                                           ;; w: over the end
      (return (call $pack (i32.const 4194300) (i32.const 100)))))
    (if (i32.eq (local.get $c) (i32.const 0x75)) (then                                           ;; u: no UTF-8
      (return (call $pack (i32.const 16) (i32.const 2)))))
    (if (i32.eq (local.get $c) (i32.const 0x6f)) (then                                           ;; o: too long
      (return (call $pack (i32.const 4096) (i32.const 2000000)))))
    (if (i32.eq (local.get $c) (i32.const 0x74)) (then (unreachable)))                           ;; t: trap
    (if (i32.eq (local.get $c) (i32.const 0x54)) (then                                           ;; T: trap with words
      (drop (call $fd_write (i32.const 2) (i32.const 256) (i32.const 1) (i32.const 280)))
      (unreachable)))
    (if (i32.eq (local.get $c) (i32.const 0x64)) (then                                           ;; d: division
      (drop (i32.div_u (i32.const 1) (local.get $i)))))
    (if (i32.eq (local.get $c) (i32.const 0x65)) (then                                           ;; e: an honest error
      (call $error_set (i32.const 32) (i32.const 10))
      (return (i64.const 0x8000000000000007))))
    (if (i32.eq (local.get $c) (i32.const 0x71)) (then (return (i64.const 0x8000000000000009)))) ;; q: the same, quietly
    (if (i32.eq (local.get $c) (i32.const 0x68)) (then                                           ;; h: 10,000 host calls
      (loop $l
        (call $metric_add (i32.const 35) (i32.const 7) (f64.const 1))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))))
    (if (i32.eq (local.get $c) (i32.const 0x4c)) (then                                           ;; L: lines without end
      (loop $l (call $log (i32.const 3) (i32.const 32) (i32.const 10)) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x66)) (then                                           ;; f: folds of much text
      (memory.fill (i32.const 4096) (i32.const 0x41) (i32.const 1048576))
      (loop $l (drop (call $text_fold (i32.const 31) (i32.const 4096) (i32.const 1048576) (i32.const 2000000) (i32.const 1048576))) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x6e)) (then                                           ;; n: grams of much text
      (memory.fill (i32.const 4096) (i32.const 0x41) (i32.const 1048576))
      (loop $l (drop (call $ngrams (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 4096) (i32.const 1048576) (i32.const 0) (i32.const 0))) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x6a)) (then                                           ;; j: a frame that lies
      (i32.store (i32.const 4096) (i32.const 2)) (i32.store (i32.const 4100) (i32.const 0))
      (i32.store (i32.const 4104) (i32.const -1)) (i32.store (i32.const 4108) (i32.const -1)) (i32.store (i32.const 4112) (i32.const -1))
      (if (i32.ne (call $ngram_jaccard (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 4096) (i32.const 64) (i32.const 16) (i32.const 8)) (i32.const -1)) (then (unreachable)))
      (if (i32.ne (call $set_jaccard (i32.const 4096) (i32.const 64) (i32.const 16) (i32.const 8)) (i32.const -1)) (then (unreachable)))
      (if (i32.ne (call $ngrams (i32.const 9) (i32.const 3) (i32.const 3) (i32.const 16) (i32.const 2) (i32.const 16) (i32.const 8)) (i32.const -1)) (then (unreachable)))
      (return (i64.const 0))))
    (if (i32.eq (local.get $c) (i32.const 0x50)) (then                                           ;; P: a bad pointer to the host
      (call $log (i32.const 1) (i32.const 4194300) (i32.const 100))))
    (if (i32.eq (local.get $c) (i32.const 0x42)) (then                                           ;; B: a bad buffer for the host
      (drop (call $text_fold (i32.const 4) (local.get $ptr) (local.get $len) (i32.const 0x7fffffff) (i32.const 100)))))
    (if (i32.eq (local.get $c) (i32.const 0x78)) (then                                           ;; x: chance without end
      (loop $l (drop (call $random_get (i32.const 4096) (i32.const 4000000))) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x79)) (then                                           ;; y: output without end
      (loop $l (drop (call $fd_write (i32.const 1) (i32.const 80) (i32.const 2) (i32.const 100))) (br $l))))
    (if (i32.eq (local.get $c) (i32.const 0x76)) (then                                           ;; v: more buffers than there are
      (if (i32.ne (call $fd_write (i32.const 1) (i32.const 80) (i32.const 0x7fffffff) (i32.const 100)) (i32.const 28)) (then (unreachable)))
      (if (i32.ne (call $poll_oneoff (i32.const 80) (i32.const 4096) (i32.const 0x5555556) (i32.const 100)) (i32.const 28)) (then (unreachable)))
      (return (i64.const 0))))
    (if (i32.eq (local.get $c) (i32.const 0x61)) (then                                           ;; a: abort
      (call $abort (i32.const 64) (i32.const 0) (i32.const 1) (i32.const 2))))
    (if (i32.eq (local.get $c) (i32.const 0x58)) (then (call $proc_exit (i32.const 3))))          ;; X: exit
    (call $pack (local.get $ptr) (local.get $len)))

  (func (export "kvasir_score") (param $ptr i32) (param $len i32) (result i64)
    (local $n i32) (local $i i32) (local $c i32) (local $score f32)
    (local.set $n (i32.load (local.get $ptr)))
    (local.set $c (i32.load8_u (i32.add (local.get $ptr) (i32.add (i32.const 12) (i32.shl (local.get $n) (i32.const 2))))))
    (local.set $score (f32.const 1))
    (if (i32.eq (local.get $c) (i32.const 0x6e)) (then (local.set $score (f32.const nan))))       ;; n: not a number
    (if (i32.eq (local.get $c) (i32.const 0x32)) (then (local.set $score (f32.const 2))))         ;; 2
    (if (i32.eq (local.get $c) (i32.const 0x2d)) (then (local.set $score (f32.const -0.1))))      ;; -
    (if (i32.eq (local.get $c) (i32.const 0x6c)) (then (loop $l (br $l))))                        ;; l: loop
    (if (i32.eq (local.get $c) (i32.const 0x73)) (then                                           ;; s: one too few
      (return (call $pack (local.get $ptr) (i32.shl (i32.sub (local.get $n) (i32.const 1)) (i32.const 2))))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
      (f32.store (i32.add (local.get $ptr) (i32.shl (local.get $i) (i32.const 2))) (local.get $score))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (call $pack (local.get $ptr) (i32.shl (local.get $n) (i32.const 2))))

  ;; one text; d: numbers that descend, c: a count of more than there is, p: padding that is not zero
  (func (export "kvasir_features") (param $ptr i32) (param $len i32) (result i64)
    (local $c i32)
    (local.set $c (i32.load8_u (i32.add (local.get $ptr) (i32.const 8))))
    (i32.store (i32.const 4096) (i32.const 1))
    (i32.store (i32.const 4100) (select (i32.const 0xffffff) (i32.const 2) (i32.eq (local.get $c) (i32.const 0x63))))
    (i64.store (i32.const 4104) (i64.const 5))
    (i64.store (i32.const 4112) (select (i64.const 5) (i64.const 6) (i32.eq (local.get $c) (i32.const 0x64))))
    (call $pack (i32.const 4096) (i32.const 24)))

  ;; what is behind {"hook":"on_lookup","tenant":" says what is wrong with the decision
  (func (export "kvasir_on_lookup") (param $ptr i32) (param $len i32) (result i64)
    (local $c i32)
    (local.set $c (i32.load8_u (i32.add (local.get $ptr) (i32.const 30))))
    (if (i32.eq (local.get $c) (i32.const 0x6b)) (then (return (call $pack (i32.const 128) (i32.const 13))))) ;; k: of another hook
    (if (i32.eq (local.get $c) (i32.const 0x78)) (then (return (call $pack (i32.const 160) (i32.const 25))))) ;; x: unknown field
    (if (i32.eq (local.get $c) (i32.const 0x6a)) (then (return (call $pack (i32.const 192) (i32.const 7)))))  ;; j: no JSON
    (if (i32.eq (local.get $c) (i32.const 0x6f)) (then (return (call $pack (i32.const 4096) (i32.const 70000))))) ;; o: too long
    (i64.const 0)))
