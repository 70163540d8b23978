// Whether the first and the last slice are there, as far as the headers reveal it.

extension StackExaminer {
    mutating func examineExtent() {
        var unkept: [String] = []
        // A slice that leaves a gap is told as such: it is not missing at an end, too.
        let inGaps = result.gaps.reduce(0) { $0 + $1.missingSlices }
        let promises = promises()
        for promise in promises where promise.promised > promise.present + inGaps {
            unkept.append("\(promise.name) promises \(promise.promised), \(promise.present) are here")
            result.promisedSlices = max(result.promisedSlices, promise.promised - promise.present)
        }
        let leading = missingLeadingNumbers()
        if leading > 0 {
            unkept.append("the Instance Numbers begin at \(leading + 1): missing \(leadingEnd(leading))")
            result.promisedSlices = max(result.promisedSlices, leading)
        }
        result.extentIsProvable = unkept.isEmpty && provesExtent(promises)
        if !unkept.isEmpty {
            reportUnkept(unkept)
        } else if !result.extentIsProvable {
            warn(
                "W_EXTENT_NOT_PROVABLE",
                "The headers do not tell how many slices there should be: a missing first or last slice would not be noticed.",
                hint: "Compare the number of slices with the scanner or the archive."
            )
        }
    }

    private mutating func reportUnkept(_ details: [String]) {
        let message = "Slices are missing at an end of the series, as the headers reveal."
        if limits.refuseUnkeptCounts {
            refuse(
                "E_MISSING_END_SLICES",
                message,
                hint:
                    "Send the whole series; if it is whole, its headers count wrongly: set admission.refuse_unkept_counts to false.",
                details: details
            )
        } else {
            warn("W_MISSING_END_SLICES", message, details: details)
        }
    }

    private struct Promise {
        var name: String
        var promised: Int
        var present: Int
        /// Slices of this stack that the promise covers.
        var covers: Int
    }

    /// Counts that the headers give, with what is at hand: Number of Series Related Instances (0020,1209) for
    /// the Series, Images in Acquisition (0020,1002) for each acquisition. A count that is smaller than what is
    /// at hand is no promise.
    private func promises() -> [Promise] {
        var promises: [Promise] = []
        // Other stacks of the Series may hold instances of the same acquisition.
        let elsewhere = max(0, (seriesInstanceCount ?? unique.count) - unique.count)
        if let promised = unique.compactMap({ headers[$0].numberOfSeriesRelatedInstances }).max(), promised > 0 {
            promises.append(
                Promise(
                    name: "Number of Series Related Instances",
                    promised: promised,
                    present: unique.count + elsewhere,
                    covers: unique.count
                )
            )
        }
        let acquisitions = Dictionary(grouping: unique) { headers[$0].acquisitionNumber }
        for (number, members) in acquisitions.sorted(by: { ($0.key ?? 0) < ($1.key ?? 0) }) {
            let counts = Set(members.compactMap { headers[$0].imagesInAcquisition })
            guard counts.count == 1, let promised = counts.first, promised > 0 else { continue }
            let name = "Images in Acquisition" + (number.map { " \($0)" } ?? "")
            let present = members.count == promised ? promised : members.count + elsewhere
            promises.append(Promise(name: name, promised: promised, present: present, covers: members.count))
        }
        return promises
    }

    /// Kept promises that together cover every slice, or one multi-frame file, which is whole or not at all.
    private func provesExtent(_ promises: [Promise]) -> Bool {
        if unique.count == 1, headers[unique[0]].frames.count > 1 { return true }
        let inGaps = result.gaps.reduce(0) { $0 + $1.missingSlices }
        let kept = promises.filter { $0.promised == $0.present || $0.promised == $0.present + inGaps }
        if kept.contains(where: { $0.covers == unique.count }) { return true }
        return kept.reduce(0) { $0 + $1.covers } == unique.count
    }

    /// Instance Numbers that count from 1 without a hole but for the first few.
    private func missingLeadingNumbers() -> Int {
        let numbers = unique.compactMap { headers[$0].instanceNumber }
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
