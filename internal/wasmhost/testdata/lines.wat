;; A program that reads and writes lines. It answers {"op":"normalize","text":"X"} with {"text":"X"}, unless the
;; first letter of the text says otherwise, and everything else with a constant.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 64) "{\"manifest\":{\"name\":\"lines\",\"version\":\"1\",\"roles\":[\"normalize\",\"score\",\"features\",\"on_hit\",\"on_miss\"],\"scorer\":{\"class\":\"rerank\"}}}\0a")
  (data (i32.const 256) "{\"scores\":[0.25,1]}\0a")
  (data (i32.const 320) "{\"sets\":[[1,18446744073709551615]]}\0a")
  (data (i32.const 384) "{\"decision\":{\"accept\":false}}\0a")
  (data (i32.const 448) "{}\0a")
  (data (i32.const 460) "{\"error\":\"on purpose\"}\0a")
  (data (i32.const 512) "{\"explanation\":{\"verdict\":\"same\",\"reason\":\"so it is\"}}\0a")
  (data (i32.const 600) "the program is lost\0a")
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  ;; reads a line to 4096 and returns its length with the end, or 0 at the end of the input
  (func $line (result i32)
    (local $len i32)
    (loop $more
      (i32.store (i32.const 16) (i32.add (i32.const 4096) (local.get $len)))
      (i32.store (i32.const 20) (i32.const 50)) ;; a little at a time
      (if (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)) (then (unreachable)))
      (if (i32.eqz (i32.load (i32.const 24))) (then (return (i32.const 0))))
      (local.set $len (i32.add (local.get $len) (i32.load (i32.const 24))))
      (br_if $more (i32.ne (i32.load8_u (i32.add (i32.const 4095) (local.get $len))) (i32.const 10))))
    (local.get $len))
  (func (export "_start")
    (local $len i32) (local $c i32)
    (loop $next
      (local.set $len (call $line))
      (local.set $c (i32.load8_u (i32.const 4103)))
      (if (i32.eq (local.get $c) (i32.const 0x69)) (then (call $write (i32.const 1) (i32.const 64) (i32.const 132)) (br $next)))  ;; init
      (if (i32.eq (local.get $c) (i32.const 0x73)) (then (call $write (i32.const 1) (i32.const 256) (i32.const 20)) (br $next)))  ;; score
      (if (i32.eq (local.get $c) (i32.const 0x66)) (then (call $write (i32.const 1) (i32.const 320) (i32.const 36)) (br $next)))  ;; features
      (if (i32.eq (local.get $c) (i32.const 0x65)) (then (call $write (i32.const 1) (i32.const 512) (i32.const 55)) (br $next)))  ;; explain
      (if (i32.eq (local.get $c) (i32.const 0x6f)) (then                                                                         ;; on_
        (if (i32.eq (i32.load8_u (i32.const 4106)) (i32.const 0x68))
          (then (call $write (i32.const 1) (i32.const 384) (i32.const 30)))
          (else (call $write (i32.const 1) (i32.const 448) (i32.const 3))))
        (br $next)))
      (local.set $c (i32.load8_u (i32.const 4122)))
      (if (i32.eq (local.get $c) (i32.const 0x65)) (then (call $write (i32.const 1) (i32.const 460) (i32.const 23)) (br $next)))  ;; e: error
      (if (i32.eq (local.get $c) (i32.const 0x6c)) (then (loop $l (br $l))))                                                     ;; l: loop
      (if (i32.eq (local.get $c) (i32.const 0x73)) (then (br $next)))                                                            ;; s: silent
      (if (i32.eq (local.get $c) (i32.const 0x45)) (then (return)))                                                              ;; E: end
      (if (i32.eq (local.get $c) (i32.const 0x58)) (then (call $proc_exit (i32.const 0))))                                       ;; X: exit
      (if (i32.eq (local.get $c) (i32.const 0x63)) (then                                                                         ;; c: crash
        (call $write (i32.const 2) (i32.const 600) (i32.const 20)) (unreachable)))
      (if (i32.eq (local.get $c) (i32.const 0x66)) (then (call $write (i32.const 1) (i32.const 256) (i32.const 20)) (br $next)))  ;; f: another field
      (if (i32.eq (local.get $c) (i32.const 0x6a)) (then (call $write (i32.const 1) (i32.const 600) (i32.const 20)) (br $next)))  ;; j: no JSON
      (if (i32.eq (local.get $c) (i32.const 0x74)) (then (call $write (i32.const 1) (i32.const 448) (i32.const 3))))              ;; t: two lines
      (if (i32.eq (local.get $c) (i32.const 0x6f)) (then                                                                         ;; o: output without end
        (loop $l (call $write (i32.const 1) (i32.const 4096) (i32.const 65536)) (br $l))))
      (if (i32.eq (local.get $c) (i32.const 0x7a)) (then (call $write (i32.const 1) (i32.const 448) (i32.const 0))))              ;; z: nothing, then
      (if (i32.eq (local.get $c) (i32.const 0x6e)) (then (local.set $len (i32.sub (local.get $len) (i32.const 1)))))             ;; n: no end of line
      (i32.store8 (i32.const 4113) (i32.const 0x7b))
      (call $write (i32.const 1) (i32.const 4113) (i32.sub (local.get $len) (i32.const 17)))
      (br $next))))
