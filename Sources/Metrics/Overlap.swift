import Imaging

/// Volumetric Dice: twice the common volume over the sum of volumes; nil when both masks are empty.
package func dice(reference: Mask, prediction: Mask) -> Double? {
    VoxelCounts(reference: reference, prediction: prediction).total.dice
}

/// Volume of the set voxels, millilitres.
package func volumeML(_ mask: Mask) -> Double {
    Double(mask.voxels.reduce(into: 0) { $0 += $1 != 0 ? 1 : 0 }) * mask.geometry.voxelVolumeMM3 / 1000
}

/// How many voxels two masks have, together and apart, in each slice.
package struct VoxelCounts: Sendable {
    package struct Counts: Sendable, Equatable {
        package var both = 0
        package var referenceOnly = 0
        package var predictionOnly = 0

        package var reference: Int { both + referenceOnly }
        package var prediction: Int { both + predictionOnly }
        package var isEmpty: Bool { reference + prediction == 0 }
        /// nil when both masks are empty.
        package var dice: Double? { isEmpty ? nil : 2 * Double(both) / Double(reference + prediction) }
        /// Common volume over the volume of the union; nil when both masks are empty.
        package var jaccard: Double? {
            isEmpty ? nil : Double(both) / Double(both + referenceOnly + predictionOnly)
        }

        static func + (a: Counts, b: Counts) -> Counts {
            Counts(
                both: a.both + b.both,
                referenceOnly: a.referenceOnly + b.referenceOnly,
                predictionOnly: a.predictionOnly + b.predictionOnly
            )
        }
    }

    /// By slice index k.
    package let slices: [Counts]
    package var total: Counts { slices.reduce(Counts(), +) }
    /// Centres of mass, patient LPS mm; nil for an empty mask.
    package let centres: (reference: PatientPoint?, prediction: PatientPoint?)

    package init(reference: Mask, prediction: Mask) {
        precondition(reference.geometry.dimensions == prediction.geometry.dimensions, "masks on one grid")
        let d = reference.geometry.dimensions
        var slices: [Counts] = []
        var sums = (reference: Vector3.zero, prediction: Vector3.zero)
        reference.voxels.withUnsafeBufferPointer { a in
            prediction.voxels.withUnsafeBufferPointer { b in
                for k in 0..<d.k {
                    var counts = Counts()
                    for j in 0..<d.j {
                        let row = d.i * (j + d.j * k)
                        var line = Counts()
                        // Sums of i, of what each mask has.
                        var (sumA, sumB) = (0, 0)
                        for i in 0..<d.i {
                            let (r, p) = (a[row + i] != 0 ? 1 : 0, b[row + i] != 0 ? 1 : 0)
                            line.both += r & p
                            line.referenceOnly += r & (1 - p)
                            line.predictionOnly += p & (1 - r)
                            sumA += i * r
                            sumB += i * p
                        }
                        guard !line.isEmpty else { continue }
                        counts = counts + line
                        let (x, y) = (Double(line.reference), Double(line.prediction))
                        sums.reference += Vector3(Double(sumA), x * Double(j), x * Double(k))
                        sums.prediction += Vector3(Double(sumB), y * Double(j), y * Double(k))
                    }
                    slices.append(counts)
                }
            }
        }
        self.slices = slices
        let total = slices.reduce(Counts(), +)
        func centre(_ sum: Vector3, _ count: Int) -> PatientPoint? {
            guard count > 0 else { return nil }
            let middle = sum / Double(count)
            return reference.geometry.patientPoint(i: middle.x, j: middle.y, k: middle.z)
        }
        centres = (centre(sums.reference, total.reference), centre(sums.prediction, total.prediction))
    }

    /// From the reference's centre of mass to the prediction's, patient LPS mm; nil when a mask is empty.
    package var centreShift: Vector3? {
        guard let a = centres.reference, let b = centres.prediction else { return nil }
        return b.vector - a.vector
    }
}
