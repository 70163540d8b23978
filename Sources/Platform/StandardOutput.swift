internal import CLinux

package enum StandardOutput {
    /// Flushes what was printed.
    /// - Returns: whether all of it has reached its place; a full disk loses it without a word otherwise.
    package static func isComplete() -> Bool { linux_is_output_complete() != 0 }
}
