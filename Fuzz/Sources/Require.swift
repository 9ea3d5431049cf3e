import Glibc

/// Stops with a finding; an optimised build's own traps say nothing.
func fail(_ text: String, line: Int = #line) -> Never {
    let text = Array("line \(line): \(text)\n".utf8)
    _ = write(2, text, text.count)
    abort()
}

/// A promise that must hold whatever the input.
func require(_ condition: Bool, _ text: @autoclosure () -> String = "a promise is broken", line: Int = #line) {
    if !condition { fail(text(), line: line) }
}
