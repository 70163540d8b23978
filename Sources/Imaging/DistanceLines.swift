/// Distance transforms of lines of one length, eight places at a time, with their working memory.
///
/// Each place looks at its neighbours from the nearest outwards and ends where no farther one can be lower: in a body of
/// the size of an organ that is sooner done than an envelope, which has to divide and to turn back. Lines in which a
/// place would have to look farther than `reach` are left to the envelope, whose time does not grow with the distance.
/// Both give the lowest sum of the same two squares.
///
/// A distance differs from that of the place before by no more than the way between the two, so that a place must look
/// nearly as far as the one before had to: up to there it does not ask whether it may end, which costs as much as looking.
/// Looking farther than needed changes nothing, as no farther sum is lower.
struct DistanceLines: ~Copyable {
    private typealias Lanes = SIMD8<Double>

    /// Neighbours on each side that a place looks at (by trying on lungs).
    private static let reach = 96
    private static let lanes = 8

    private let length: Int
    private let envelope: ParabolaEnvelope
    /// Squares of the distances of neighbours, mm^2, by their steps.
    private let offsets: UnsafeMutablePointer<Double>
    /// A block of eight columns, a row after the other, between `reach` rows of infinity.
    private let block: UnsafeMutablePointer<Lanes>
    /// A line between infinities, and whole lanes long.
    private let line: UnsafeMutablePointer<Double>

    init(length: Int, spacing: Double) {
        self.length = length
        envelope = ParabolaEnvelope(length: length, spacing: spacing)
        offsets = .allocate(capacity: DistanceLines.reach + 1)
        for steps in 0...DistanceLines.reach {
            let distance = Double(steps) * spacing
            (offsets + steps).initialize(to: distance * distance)
        }
        let padded = length + 2 * DistanceLines.reach
        block = .allocate(capacity: padded)
        block.initialize(repeating: Lanes(repeating: .infinity), count: padded)
        line = .allocate(capacity: padded + DistanceLines.lanes)
        line.initialize(repeating: .infinity, count: padded + DistanceLines.lanes)
    }

    deinit {
        offsets.deallocate()
        block.deallocate()
        line.deallocate()
    }

    /// The squared distances in a slice whose columns are `length` long and whose rows `columns`.
    ///
    /// - Parameters:
    ///   - steps: along k to the nearest feature, so many `stepMM` long; `noStep` where there is none.
    ///   - squares: set, mm^2.
    func squares(
        of steps: UnsafePointer<UInt16>,
        _ stepMM: Double,
        into squares: UnsafeMutablePointer<Double>,
        columns count: Int
    ) {
        let rows = block + DistanceLines.reach
        for first in stride(from: 0, to: count, by: DistanceLines.lanes) {
            let width = min(DistanceLines.lanes, count - first)
            for row in 0..<length {
                let places = steps + row * count + first
                let heights = UnsafeMutableRawPointer(rows + row).assumingMemoryBound(to: Double.self)
                if width == DistanceLines.lanes, areFeatures(places) {
                    rows[row] = .zero
                } else if width == DistanceLines.lanes {
                    for n in 0..<DistanceLines.lanes { heights[n] = height(places[n], stepMM) }
                } else {
                    // Lanes beyond the last column are at their goal.
                    rows[row] = .zero
                    for n in 0..<width { heights[n] = height(places[n], stepMM) }
                }
            }
            if !lookAround(in: rows, first, width, of: squares, rowLength: count) {
                for n in 0..<width {
                    for row in 0..<length { line[row] = rows[row][n] }
                    envelope.transform(line)
                    for row in 0..<length { (squares + row * count + first + n).initialize(to: line[row]) }
                }
            }
        }
    }

    @inline(__always)
    private func areFeatures(_ steps: UnsafePointer<UInt16>) -> Bool {
        UnsafeRawPointer(steps).loadUnaligned(as: SIMD2<UInt64>.self) == .zero
    }

    @inline(__always)
    private func height(_ steps: UInt16, _ stepMM: Double) -> Double {
        let distance = steps == noStep ? .infinity : Double(steps) * stepMM
        return distance * distance
    }

    /// - Returns: false when a place would have to look too far; then what was set so far counts for nothing.
    private func lookAround(
        in rows: UnsafeMutablePointer<Lanes>,
        _ first: Int,
        _ width: Int,
        of squares: UnsafeMutablePointer<Double>,
        rowLength: Int
    ) -> Bool {
        var steps = 1
        for row in 0..<length {
            var lowest = rows[row]
            // One row on, the nearest feature is at most one step nearer.
            let certain = max(1, steps - 1)
            for step in 1..<certain { look(step, at: rows + row, &lowest) }
            steps = certain
            while any(lowest .> offsets[steps]) {
                look(steps, at: rows + row, &lowest)
                steps += 1
                if steps > DistanceLines.reach { return false }
            }
            let place = squares + row * rowLength + first
            if width == DistanceLines.lanes {
                UnsafeMutableRawPointer(place).storeBytes(of: lowest, as: Lanes.self)
            } else {
                for n in 0..<width { (place + n).initialize(to: lowest[n]) }
            }
        }
        return true
    }

    @inline(__always)
    private func look(_ steps: Int, at row: UnsafePointer<Lanes>, _ lowest: inout Lanes) {
        lowest = minimum(lowest, minimum(row[-steps], row[steps]) + offsets[steps])
    }

    /// Replaces the squares of a line by distances over the line.
    func replaceByRoots(_ values: UnsafeMutablePointer<Double>) {
        let padded = line + DistanceLines.reach
        padded.update(from: values, count: length)
        var i = 0
        var steps = 1
        while i < length {
            guard let lowest = lookAround(at: padded + i, &steps) else {
                envelope.transform(padded)
                for n in 0..<length { values[n] = padded[n].squareRoot() }
                return
            }
            if length - i >= DistanceLines.lanes {
                UnsafeMutableRawPointer(values + i).storeBytes(of: lowest, as: Lanes.self)
            } else {
                for n in 0..<length - i { values[i + n] = lowest[n] }
            }
            i += DistanceLines.lanes
        }
        takeRoots(of: values)
    }

    /// In groups of eight, of which those inside a body have nothing to be taken of.
    @inline(__always)
    private func takeRoots(of values: UnsafeMutablePointer<Double>) {
        var n = 0
        while n <= length - DistanceLines.lanes {
            let squares = lanes(values + n)
            if squares != .zero {
                UnsafeMutableRawPointer(values + n).storeBytes(of: squares.squareRoot(), as: Lanes.self)
            }
            n += DistanceLines.lanes
        }
        for n in n..<length { values[n] = values[n].squareRoot() }
    }

    /// - Parameter steps: how far the eight places before looked, and these.
    @inline(__always)
    private func lookAround(at place: UnsafePointer<Double>, _ steps: inout Int) -> Lanes? {
        var lowest = lanes(place)
        // Each of these places is eight columns from one of those before.
        let certain = max(1, steps - DistanceLines.lanes)
        for step in 1..<certain { look(step, at: place, &lowest) }
        steps = certain
        while any(lowest .> offsets[steps]) {
            look(steps, at: place, &lowest)
            steps += 1
            if steps > DistanceLines.reach { return nil }
        }
        return lowest
    }

    @inline(__always)
    private func look(_ steps: Int, at place: UnsafePointer<Double>, _ lowest: inout Lanes) {
        lowest = minimum(lowest, minimum(lanes(place - steps), lanes(place + steps)) + offsets[steps])
    }

    @inline(__always)
    private func lanes(_ place: UnsafePointer<Double>) -> Lanes {
        UnsafeRawPointer(place).loadUnaligned(as: Lanes.self)
    }

    @inline(__always)
    private func minimum(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .< a) }
}
