import Foundation
import Imaging

// Findings about how the slices lie to each other.

extension StackExaminer {
    /// All slices by projection on the first slice's normal; never by file name or Instance Number.
    mutating func sortSlices() {
        guard let reference = unique.first.flatMap({ headers[$0].frames.first?.normal }) else { return }
        var slices: [ExaminedSlice] = []
        for index in unique {
            for (number, frame) in headers[index].frames.enumerated() {
                guard let position = frame.position else { continue }
                slices.append(
                    ExaminedSlice(
                        header: index,
                        frame: number,
                        position: position,
                        distance: dot(position.vector, reference),
                        instanceNumber: headers[index].frames.count > 1 ? number + 1 : headers[index].instanceNumber
                    )
                )
            }
        }
        result.slices = slices.sorted { ($0.distance, $0.header, $0.frame) < ($1.distance, $1.header, $1.frame) }
    }

    mutating func examineOrientation() {
        guard let first = result.slices.first, let row = frame(first).rowDirection,
            let column = frame(first).columnDirection
        else { return }
        let others = result.slices.filter { slice in
            let angles = [(row, frame(slice).rowDirection), (column, frame(slice).columnDirection)]
            return angles.contains { degrees(between: $0, $1 ?? Vector3(0, 0, 0)) > limits.orientationToleranceDegrees }
        }
        if !others.isEmpty {
            refuse(
                "E_MIXED_ORIENTATION",
                "The slices have different orientations.",
                hint: "Send one orientation at a time; check that no localizer or reformat is among them.",
                details: others.map(describe)
            )
        }
    }

    mutating func examineCount() {
        guard result.slices.count < limits.minimumSlices else { return }
        refuse(
            "E_TOO_FEW_SLICES",
            "\(result.slices.count) \(result.slices.count == 1 ? "slice is" : "slices are") fewer than \(limits.minimumSlices).",
            hint: "Send the whole series."
        )
    }

    /// Distances of neighbours: repeated positions, gaps, uneven spacing.
    mutating func examinePositions() {
        let pairs = Array(zip(result.slices, result.slices.dropFirst()))
        let repeated = pairs.filter { $1.distance - $0.distance < limits.duplicatePositionToleranceMM }
        if !repeated.isEmpty {
            refuse(
                "E_REPEATED_POSITION",
                "Several slices lie at one position.",
                hint: "Send one acquisition, reconstruction or phase at a time.",
                details: repeated.map { "\(describe($0)) and \(describe($1))" }
            )
        }
        let apart = pairs.filter { $1.distance - $0.distance >= limits.duplicatePositionToleranceMM }
        guard !apart.isEmpty else { return }
        let distances = apart.map { $1.distance - $0.distance }
        let median = Self.lowerMedian(distances)
        let spacing = spacingWithGaps(distances, median: median)
        result.commonSpacingMM = spacing?.step ?? median
        examineSpacing(spacing?.step ?? median)
        examineThickness(spacing?.step ?? median)
        // Gaps say little where positions repeat: two interleaved stacks have both.
        if repeated.isEmpty { examineGaps(apart, spacing, median: median) }
    }

    /// Slices that are much thicker than they lie apart are averages over their neighbours.
    private mutating func examineThickness(_ step: Double) {
        let ratio = (result.slices.compactMap { frame($0).sliceThickness }.max() ?? 0) / step
        guard ratio > limits.thickSliceRatio else { return }
        warn(
            "W_THICK_SLICES",
            "The slices are \(millimetres(ratio)) times as thick as they lie apart: each is an average over its neighbours.",
            hint: "Edges that run along the slices are blurred; thinner slices give better contours."
        )
    }

    private mutating func examineSpacing(_ median: Double) {
        guard !(limits.minimumSliceSpacingMM...limits.maximumSliceSpacingMM).contains(median) else { return }
        refuse(
            "E_SLICE_SPACING",
            "A slice spacing of \(millimetres(median)) mm is outside \(limits.minimumSliceSpacingMM) to \(limits.maximumSliceSpacingMM) mm.",
            hint: "Send a reconstruction with a usual slice spacing."
        )
    }

    /// The step between neighbours and how many steps each distance is; nil where that cannot be said.
    private func spacingWithGaps(_ distances: [Double], median: Double) -> SliceSpacing? {
        let tolerance = limits.spacingTolerance(medianMM: median)
        let odd = distances.filter { abs($0 - median) > tolerance }
        let areMultiples = odd.allSatisfy { distance in
            let count = (distance / median).rounded()
            return count >= 2 && abs(distance - count * median) <= tolerance * count
        }
        // Slices missing here and there: most distances are regular.
        if areMultiples, odd.count * 4 <= distances.count + 3, median <= limits.maximumSliceSpacingMM || odd.isEmpty {
            let steps = distances.map { abs($0 - median) <= tolerance ? 1 : Int(($0 / median).rounded()) }
            return SliceSpacing(step: median, steps: steps)
        }
        // Most slices missing, as a slow sender begins in random order. Consecutive numbers say that none is.
        let numbers = instanceNumbers
        if let numbers, let first = numbers.min(), let last = numbers.max(), last - first + 1 == numbers.count {
            return nil
        }
        let headerSteps = result.slices.first.map { [frame($0).spacingBetweenSlices, frame($0).sliceThickness] } ?? []
        return SliceSpacing(
            distances,
            hints: (first: stepByNumber(numbers).map { [$0] } ?? [], last: headerSteps.compactMap(\.self)),
            limits: limits
        )
    }

    /// Instance Numbers in the order of the slices; nil where they do not number slices.
    var instanceNumbers: [Int]? {
        let numbers = result.slices.compactMap { headers[$0.header].isMultiFrame ? nil : $0.instanceNumber }
        return numbers.count == result.slices.count && Set(numbers).count == numbers.count ? numbers : nil
    }

    /// The step of a stack whose Instance Numbers count its slices, missing ones included.
    private func stepByNumber(_ numbers: [Int]?) -> Double? {
        guard let numbers, let first = result.slices.first, let last = result.slices.last, numbers.count > 1,
            let number = numbers.first, let end = numbers.last,
            numbers == numbers.sorted() || numbers == numbers.sorted(by: >)
        else { return nil }
        return (last.distance - first.distance) / Double(abs(end - number))
    }

    private mutating func examineGaps(
        _ pairs: [(ExaminedSlice, ExaminedSlice)],
        _ spacing: SliceSpacing?,
        median: Double
    ) {
        guard let spacing else {
            let tolerance = limits.spacingTolerance(medianMM: median)
            let odd = pairs.filter { abs($1.distance - $0.distance - median) > tolerance }
            return refuse(
                "E_UNEVEN_SPACING",
                "The slice spacing is uneven: \(millimetres(median)) mm in general, but not everywhere.",
                hint: "Send one reconstruction with even spacing.",
                details: odd.map {
                    "\(millimetres($1.distance - $0.distance)) mm between \(describe($0)) and \(describe($1))"
                }
            )
        }
        result.gaps = zip(pairs, spacing.steps).filter { $1 > 1 }.map { gap($0.0, $0.1, steps: $1) }
        guard !result.gaps.isEmpty else { return examineDrift() }
        let missing = result.gaps.reduce(0) { $0 + $1.missingSlices }
        refuse(
            "E_MISSING_SLICE",
            "\(missing) \(missing == 1 ? "slice is" : "slices are") missing.",
            hint: "Send the missing slices, or the whole series again.",
            details: zip(pairs, spacing.steps).filter { $1 > 1 }.map {
                "\($1 - 1) missing between \(describe($0.0)) and \(describe($0.1))"
            }
        )
    }

    private func gap(_ lower: ExaminedSlice, _ upper: ExaminedSlice, steps: Int) -> SliceGap {
        SliceGap(
            missingSlices: steps - 1,
            lowerInstanceNumber: lower.instanceNumber,
            upperInstanceNumber: upper.instanceNumber,
            lowerMM: lower.distance,
            upperMM: upper.distance
        )
    }

    /// Distances within tolerance can still add up: each slice must lie near its place on an even grid.
    private mutating func examineDrift() {
        guard let first = result.slices.first, let last = result.slices.last, result.slices.count > 2 else { return }
        let step = (last.distance - first.distance) / Double(result.slices.count - 1)
        // Beyond a quarter of the spacing a slice would soon be nearer to its neighbour's place than to its own.
        let tolerance = min(limits.gridToleranceMM, step / 4)
        let off = result.slices.enumerated().filter { k, slice in
            abs(slice.distance - first.distance - Double(k) * step) > tolerance
        }
        if !off.isEmpty {
            refuse(
                "E_UNEVEN_SPACING",
                "The slice spacing changes along the series.",
                hint: "Send one reconstruction with even spacing.",
                details: off.map { describe($1) }
            )
        }
    }

    /// The slice vector against row x column (dcm2niix issue 253), then what Gantry/Detector Tilt says.
    mutating func examineShear() {
        guard let first = result.slices.first, let last = result.slices.last, let normal = frame(first).normal,
            result.slices.count > 1
        else { return }
        let vector = last.position.vector - first.position.vector
        let angle = dot(vector, vector) > 0 ? degrees(between: vector, normal) : 0
        let shifts = result.slices.map { lateralShift($0.position.vector - first.position.vector, normal) }
        if angle > limits.tiltToleranceDegrees, angle < 89, shifts.max() ?? 0 > limits.lateralShiftToleranceMM {
            refuse(
                "E_GANTRY_TILT",
                "The gantry was tilted: the slices are stacked \(millimetres(angle)) degrees off their normal.",
                hint: "Send a series that the scanner or the archive resampled to a straight stack."
            )
        } else if shifts.max() ?? 0 > limits.lateralShiftToleranceMM {
            let shifted = zip(result.slices, shifts).filter { $1 > limits.lateralShiftToleranceMM }
            refuse(
                "E_SHIFTED_SLICES",
                "Slices are shifted sideways against the first one.",
                hint: "Send one reconstruction at a time.",
                details: shifted.map { "\(describe($0)), by \(millimetres($1)) mm" }
            )
        } else {
            examineTiltAttribute()
        }
    }

    /// The stack is straight; a tilt in the header is then either corrected or contradicts the geometry.
    private mutating func examineTiltAttribute() {
        let tilted = unique.filter { abs(headers[$0].gantryTilt ?? 0) > limits.tiltToleranceDegrees }
        guard let index = tilted.first, let tilt = headers[index].gantryTilt else { return }
        let text = "Gantry/Detector Tilt says \(millimetres(tilt)) degrees, but the slices are stacked straight."
        if headers[index].imageType.first == "DERIVED" {
            warn("W_TILT_CORRECTED", text + " They are DERIVED, so the tilt is taken as corrected.")
        } else {
            refuse(
                "E_GANTRY_TILT",
                text,
                hint: "Send a series resampled to a straight stack whose header no longer gives a tilt."
            )
        }
    }

    private func lateralShift(_ vector: Vector3, _ normal: Vector3) -> Double {
        let lateral = vector - normal * dot(vector, normal)
        return dot(lateral, lateral).squareRoot()
    }

    private func degrees(between a: Vector3, _ b: Vector3) -> Double {
        let sine = cross(a, b)
        return atan2(dot(sine, sine).squareRoot(), dot(a, b)) * 180 / .pi
    }

    /// The lower of the two middle values, so that it is a distance that occurs.
    static func lowerMedian(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted[(sorted.count - 1) / 2]
    }
}
