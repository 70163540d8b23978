extension RecordedOutcome {
    /// What outweighs what of one scan: an edit a reference that was there before (a result that is made again meets all
    /// references of those before it once more), and that a set that has the structure as it was delivered, or lacks it.
    var weight: Int { ["scored": 1, "edited": 2][status] ?? 0 }
}

extension [RecordedOutcome] {
    /// The outcomes that are points of a chart, in its order.
    ///
    /// The limits come from the first outcomes, as they stood when there were enough of them (phase I of a control chart), and
    /// are kept: what somebody says later of a scan of the baseline moves no limit, and is a point of its own after the
    /// baseline, where it came (phase II). Otherwise one late set would judge all others anew (Woodall, "Controversies and
    /// contradictions in statistical process control", J Qual Technol 32 (2000)).
    ///
    /// - Parameters:
    ///   - baseline: number of points that the limits come from.
    ///   - value: what the chart shows of an outcome; nil where that is no point of it.
    /// - Precondition: all are of one structure and model, in the order in which they came.
    func points<Value>(baseline: Int, _ value: (RecordedOutcome) -> Value?) -> [(
        outcome: RecordedOutcome, value: Value
    )] {
        var settled: [Int] = []
        // By scan: what counts of it, of a scan of the baseline since that was complete.
        var counted: [String: Int] = [:]
        var weights: [String: Int] = [:]
        var shown: Set<String> = []
        for index in indices {
            let (scan, weight) = (self[index].scan, self[index].weight)
            if weights[scan] ?? 0 > weight { continue }
            // A result that is made again meets the same reference again: that is nothing new about the scan.
            if !settled.isEmpty, shown.contains(scan), self[index].status == "scored" { continue }
            (counted[scan], weights[scan]) = (index, weight)
            guard settled.isEmpty else { continue }
            if value(self[index]) == nil { shown.remove(scan) } else { shown.insert(scan) }
            guard shown.count == baseline else { continue }
            settled = shown.compactMap { counted.removeValue(forKey: $0) }.sorted()
        }
        return (settled + counted.values.sorted()).compactMap { index in
            value(self[index]).map { (self[index], $0) }
        }
    }
}
