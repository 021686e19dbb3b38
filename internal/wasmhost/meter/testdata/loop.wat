;; Tight loops as a C compiler writes them.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "the quick brown fox jumps over the lazy dog, again and again")

  ;; FNV-1a of the first n bytes, r times over.
  (func (export "hash") (param $n i32) (param $r i32) (result i32)
    (local $h i32) (local $i i32)
    (local.set $h (i32.const 0x811c9dc5))
    (loop $again
      (local.set $i (i32.const 0))
      (loop $next
        (local.set $h (i32.mul (i32.xor (local.get $h) (i32.load8_u (local.get $i))) (i32.const 0x01000193)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
      (local.set $r (i32.sub (local.get $r) (i32.const 1)))
      (br_if $again (local.get $r)))
    (local.get $h))

  ;; Counts down from n.
  (func (export "count") (param $n i32) (result i32)
    (local $turns i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
        (br $next)))
    (local.get $turns))

  (func (export "forever") (loop $l (br $l))))
