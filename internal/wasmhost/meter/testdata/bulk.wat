;; Instructions whose cost is a number on the stack.
(module
  (memory (export "memory") 4 40)
  (data $text "some bytes to copy into memory")
  (table $t (export "table") 1000 2000 funcref)
  (table $u 600 600 funcref)
  (elem $some func $f $f $f)
  (func $f)

  (func (export "fill") (param $n i32) (memory.fill (i32.const 0) (i32.const 7) (local.get $n)))
  (func (export "copy") (param $n i32) (memory.copy (i32.const 65536) (i32.const 0) (local.get $n)))
  (func (export "init") (param $n i32) (memory.init $text (i32.const 8) (i32.const 0) (local.get $n)))
  (func (export "drop") (data.drop $text) (elem.drop $some))
  (func (export "grow") (param $n i32) (result i32) (memory.grow (local.get $n)))
  (func (export "size") (result i32) (i32.add (memory.size) (table.size $t)))
  (func (export "tfill") (param $n i32) (table.fill $t (i32.const 0) (ref.func $f) (local.get $n)))
  (func (export "tcopy") (param $n i32) (table.copy $t $u (i32.const 0) (i32.const 0) (local.get $n)))
  (func (export "tinit") (param $n i32) (table.init $t $some (i32.const 0) (i32.const 0) (local.get $n)))
  (func (export "tgrow") (param $n i32) (result i32) (table.grow $t (ref.null func) (local.get $n)))

  (func (export "filling") (param $times i32)
    (loop $l
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 200000))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $l (local.get $times)))))
