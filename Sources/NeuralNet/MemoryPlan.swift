/// Where values lie in one block of memory when those that live at different times may share a place.
enum MemoryPlan {
    /// First fit: a value takes the lowest gap that no value alive at the same time overlaps, large values first.
    ///
    /// - Parameters:
    ///   - lives: from the step that makes a value to the last that reads it.
    ///   - counts: floats of every value.
    /// - Returns: the first float of each value (0 for those without a life), and the floats of all.
    static func place(_ lives: [Int: ClosedRange<Int>], counts: [Int]) -> (offsets: [Int], total: Int) {
        var offsets = [Int](repeating: 0, count: counts.count)
        var placed: [(life: ClosedRange<Int>, range: Range<Int>)] = []
        for (value, life) in lives.sorted(by: { (counts[$0.key], $1.key) > (counts[$1.key], $0.key) }) {
            let taken = placed.filter { $0.life.overlaps(life) }.map(\.range)
                .sorted { $0.lowerBound < $1.lowerBound }
            // Kernels may read one vector past a plane: keep values a cache line apart.
            let length = (counts[value] + 15) & ~15
            var offset = 0
            for range in taken where offset + length > range.lowerBound { offset = max(offset, range.upperBound) }
            offsets[value] = offset
            placed.append((life, offset..<offset + length))
        }
        return (offsets, placed.map(\.range.upperBound).max() ?? 0)
    }
}
