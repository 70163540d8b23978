// Whether the first and the last slice are there, as far as the headers reveal it.

extension StackExaminer {
    mutating func examineExtent() {
        var unkept: [String] = []
        // A slice that leaves a gap is told as such: it is not missing at an end, too.
        let inGaps = result.gaps.reduce(0) { $0 + $1.missingSlices }
        let promises = promises()
        for promise in promises where promise.promised > promise.slices + inGaps {
            unkept.append("\(promise.name) promises \(promise.promised), \(promise.slices) are here")
            result.promisedSlices = max(result.promisedSlices, promise.promised - promise.slices)
        }
        examineParts()
        let leading = missingLeadingNumbers()
        if leading > 0 {
            unkept.append("the Instance Numbers begin at \(leading + 1): missing \(leadingEnd(leading))")
            result.promisedSlices = max(result.promisedSlices, leading)
        }
        result.extentIsProvable = unkept.isEmpty && result.missingParts == 0 && provesExtent(promises)
        if !unkept.isEmpty {
            reportUnkept(unkept)
        } else if !result.extentIsProvable, result.missingParts == 0, !examineNumbering() {
            warn(
                "W_EXTENT_NOT_PROVABLE",
                "The headers do not tell how many slices there should be: a missing first or last slice would not be noticed.",
                hint: "Compare the number of slices with the scanner or the archive."
            )
        }
    }

    /// Even distances whose Instance Numbers leave out every second number: a stack that was thinned, or of which one of several
    /// transfers came. Some scanners number like that, too, so it is for a person to judge.
    ///
    /// - Returns: whether it is so.
    private mutating func examineNumbering() -> Bool {
        guard result.gaps.isEmpty, let numbers = instanceNumbers, numbers.count > 2,
            let spacing = result.commonSpacingMM,
            let first = result.slices.first
        else { return false }
        let step = numbers[1] - numbers[0]
        guard abs(step) > 1, zip(numbers, numbers.dropFirst()).allSatisfy({ $1 - $0 == step }) else { return false }
        let ordinal = abs(step) == 2 ? "second" : abs(step) == 3 ? "third" : "\(abs(step))th"
        var details = ["the numbers are \(numbers.prefix(3).map(String.init).joined(separator: ", ")) and so on"]
        if let between = frame(first).spacingBetweenSlices,
            abs(between * Double(abs(step)) - spacing) <= limits.spacingTolerance(medianMM: spacing)
        {
            details.append(
                "Spacing Between Slices says \(millimetres(between)) mm, they lie \(millimetres(spacing)) mm apart"
            )
        }
        warn(
            "W_SKIPPED_NUMBERS",
            "Only every \(ordinal) Instance Number is here: the slices between may be missing.",
            hint:
                "Compare the number of slices with the scanner or the archive. There are contours on these slices alone.",
            details: details
        )
        return true
    }

    private mutating func reportUnkept(_ details: [String]) {
        let message = "Slices are missing at an end of the series, as the headers reveal."
        if limits.refuseUnkeptCounts {
            refuse(
                "E_MISSING_END_SLICES",
                message,
                hint: result.gaps.isEmpty
                    ? "Send the whole series; if it is whole, its headers count wrongly: set admission.refuse_unkept_counts to false."
                    : "Send the whole series.",
                details: details
            )
        } else {
            warn("W_MISSING_END_SLICES", message, details: details)
        }
    }

    /// Parts of a concatenation: In-concatenation Number counts them from 1.
    private mutating func examineParts() {
        for parts in concatenations.values {
            let total = totalParts(of: parts)
            let numbers = Set(parts.compactMap { headers[$0].concatenation?.number })
            let missing = Set(1...max(total ?? 1, numbers.max() ?? 1)).subtracting(numbers).sorted()
            guard !missing.isEmpty else { continue }
            result.missingParts += missing.count
            let names = missing.prefix(AdmissionFinding.maximumDetails).map(String.init).joined(separator: ", ")
            refuse(
                "E_MISSING_PARTS",
                "A multi-frame image came without \(missing.count == 1 ? "part" : "parts") \(names)\(total.map { " of \($0)" } ?? "").",
                hint: "Send all parts of the concatenation."
            )
        }
    }

    /// Files by the multi-frame image that they are parts of.
    private var concatenations: [String: [Int]] {
        Dictionary(grouping: unique.filter { headers[$0].concatenation != nil }) {
            headers[$0].concatenation?.uid ?? ""
        }
    }

    private func totalParts(of parts: [Int]) -> Int? { parts.compactMap { headers[$0].concatenation?.total }.max() }

    private struct Promise {
        var name: String
        var promised: Int
        /// What is at hand; they differ where files have several frames, and headers may count either.
        var instances: Int
        var slices: Int
        /// Files of this stack that the promise covers.
        var covers: Int

        func isKept(inGaps: Int) -> Bool {
            [instances, slices, instances + inGaps, slices + inGaps].contains(promised)
        }
    }

    /// Counts that the headers give, with what is at hand: Number of Series Related Instances (0020,1209) for
    /// the Series, Images in Acquisition (0020,1002) for each acquisition. A count that is smaller than what is
    /// at hand is no promise.
    private func promises() -> [Promise] {
        var promises: [Promise] = []
        // Other stacks of the Series may hold instances of the same acquisition.
        let elsewhere = max(0, (seriesInstanceCount ?? unique.count) - unique.count)
        if let promised = unique.compactMap({ headers[$0].numberOfSeriesRelatedInstances }).max(), promised > 0 {
            promises.append(promise("Number of Series Related Instances", promised, unique, elsewhere: elsewhere))
        }
        let acquisitions = Dictionary(grouping: unique) { index in
            headers[index].acquisitionNumber ?? headers[index].frames.first?.acquisitionNumber
        }
        for (number, members) in acquisitions.sorted(by: { ($0.key ?? 0) < ($1.key ?? 0) }) {
            let counts = Set(members.compactMap { headers[$0].imagesInAcquisition })
            guard counts.count == 1, let promised = counts.first, promised > 0 else { continue }
            let name = "Images in Acquisition" + (number.map { " \($0)" } ?? "")
            let isWhole = members.count == promised || slices(of: members) == promised
            promises.append(promise(name, promised, members, elsewhere: isWhole ? 0 : elsewhere))
        }
        return promises
    }

    private func promise(_ name: String, _ promised: Int, _ members: [Int], elsewhere: Int) -> Promise {
        Promise(
            name: name,
            promised: promised,
            instances: members.count + elsewhere,
            slices: slices(of: members) + elsewhere,
            covers: members.count
        )
    }

    private func slices(of files: [Int]) -> Int { files.reduce(0) { $0 + max(1, headers[$1].frames.count) } }

    /// Kept promises that together cover every file; or one multi-frame image, which is whole or not at all: in one file,
    /// or in parts that say how many they are.
    private func provesExtent(_ promises: [Promise]) -> Bool {
        if unique.count == 1, headers[unique[0]].frames.count > 1, headers[unique[0]].concatenation == nil {
            return true
        }
        if let parts = concatenations.first?.value, parts.count == unique.count, totalParts(of: parts) != nil {
            return true
        }
        let inGaps = result.gaps.reduce(0) { $0 + $1.missingSlices }
        let kept = promises.filter { $0.isKept(inGaps: inGaps) }
        if kept.contains(where: { $0.covers == unique.count }) { return true }
        return kept.reduce(0) { $0 + $1.covers } == unique.count
    }

    /// Instance Numbers that count from 1 without a hole but for the first few. Those of multi-frame images count no slices.
    private func missingLeadingNumbers() -> Int {
        let numbers = unique.compactMap { headers[$0].isMultiFrame ? nil : headers[$0].instanceNumber }
        guard numbers.count == unique.count, let first = numbers.min(), let last = numbers.max(),
            Set(numbers).count == numbers.count, last - first + 1 == numbers.count, first > 1,
            first - 1 <= limits.maximumMissingLeadingNumbers
        else { return 0 }
        return first - 1
    }

    /// Which end the missing numbers lie at, by the direction of the numbering.
    private func leadingEnd(_ count: Int) -> String {
        guard let first = result.slices.first, let last = result.slices.last else { return "\(count)" }
        let countsUp = (first.instanceNumber ?? 0) < (last.instanceNumber ?? 0)
        return
            "\(count) \(count == 1 ? "slice" : "slices") \(countsUp ? "below" : "above") \(describe(countsUp ? first : last))"
    }
}
