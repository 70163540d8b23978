import Imaging
import Segmentation
import Testing

@Suite("The network's input")
struct NetworkInputTests {
    static let input = InputDescription(
        columns: 64,
        rows: 64,
        pixelSpacingMM: 6,
        sliceSpacing: .native,
        neighbourSlices: 0,
        centre: .body,
        windowHU: ClosedInterval(-1000, 400)
    )

    static let signs: [Vector3] = (0..<8).map {
        Vector3($0 & 1 == 0 ? 1 : -1, $0 & 2 == 0 ? 1 : -1, $0 & 4 == 0 ? 1 : -1)
    }

    @Test("all eight sign combinations of the axes give one picture", arguments: signs)
    func orientations(_ signs: Vector3) {
        let spacing = Vector3(5, 4, 7)
        let reference = networkInput(
            ct: ToyChest.ct(grid(60, 70, 20, spacing: spacing)),
            input: Self.input,
            threads: 1
        )
        let turned = networkInput(
            ct: ToyChest.ct(grid(60, 70, 20, spacing: spacing, signs: signs)),
            input: Self.input,
            threads: 2
        )
        #expect(turned.geometry.dimensions == reference.geometry.dimensions)
        #expect(turned.geometry.directionK == Vector3(0, 0, 1))
        let difference = zip(reference.voxels, turned.voxels).map { abs($0 - $1) }.max() ?? 0
        #expect(difference < 0.05, "largest difference \(difference) HU")
    }

    @Test("columns along y and rows along x give the same picture")
    func transposed() {
        let straight = grid(64, 64, 12, spacing: Vector3(5, 5, 6))
        var transposed = straight
        swap(&transposed.directionI, &transposed.directionJ)
        let a = networkInput(ct: ToyChest.ct(straight), input: Self.input, threads: 1)
        let b = networkInput(ct: ToyChest.ct(transposed), input: Self.input, threads: 1)
        #expect(zip(a.voxels, b.voxels).allSatisfy { abs($0 - $1) < 0.05 })
    }

    @Test("i grows to the patient's left and j to the back")
    func axes() {
        let result = networkInput(
            ct: ToyChest.ct(grid(60, 70, 20, signs: Vector3(-1, -1, -1))),
            input: Self.input,
            threads: 1
        )
        #expect(result.geometry.directionI == Vector3(1, 0, 0))
        #expect(result.geometry.directionJ == Vector3(0, 1, 0))
        // The right lung is the larger one: more air on the low-i half inside the body.
        let middle = result.geometry.dimensions.k / 2
        var counts = (right: 0, left: 0)
        for j in 0..<64 {
            for i in 0..<64 {
                let point = result.geometry.patientPoint(i: Double(i), j: Double(j), k: Double(middle)).vector
                guard result[i, j, middle] < -700, ToyChest.ellipse(point, Vector3(0, 4, 0), Vector3(110, 80, 1000))
                else { continue }
                if i < 32 { counts.right += 1 } else { counts.left += 1 }
            }
        }
        #expect(counts.right > counts.left)
    }

    @Test("a coronal series is cut anew into axial slices")
    func coronal() {
        var coronal = grid(64, 40, 44, spacing: Vector3(4, 5, 6))
        (coronal.directionI, coronal.directionJ, coronal.directionK) = (
            Vector3(1, 0, 0), Vector3(0, 0, -1), Vector3(0, 1, 0)
        )
        coronal.origin = PatientPoint(x: -126, y: -129, z: 97.5)
        let result = networkInput(ct: ToyChest.ct(coronal), input: Self.input, threads: 1)
        #expect(result.geometry.directionK == Vector3(0, 0, 1))
        let lung = result.geometry.continuousIndex(of: PatientPoint(x: -54, y: 2, z: -4))
        #expect(abs(result[Int(lung.x.rounded()), Int(lung.y.rounded()), Int(lung.z.rounded())] + 850) < 30)
    }

    @Test("outside of the CT lies air, however small the CT is")
    func padding() {
        let result = networkInput(ct: ToyChest.ct(grid(20, 20, 10)), input: Self.input, threads: 1)
        #expect(result.geometry.dimensions == Dimensions(i: 64, j: 64, k: 10))
        #expect(result[0, 0, 0] == -1000 && result[63, 63, 9] == -1000)
    }

    @Test("a patient at the edge of the field of view comes into the middle")
    func centring() {
        let wide = grid(120, 120, 8, spacing: Vector3(5, 5, 8))
        let aside = ToyChest.ct(wide, offset: Vector3(90, -60, 0))
        let centre = bodyCentre(of: aside)
        #expect(abs(centre.x - 90) < 20 && abs(centre.y + 56) < 20)
        let empty = Volume<Int16>(geometry: wide, repeating: -1000)
        #expect(bodyCentre(of: empty) == gridCentre(of: wide))
    }

    @Test("slice spacings: native, every n-th, and fixed")
    func sliceSpacing() {
        let thin = grid(16, 16, 101, spacing: Vector3(8, 8, 0.75))
        func k(_ spacing: SliceSpacing) -> (Int, Double) {
            var input = Self.input
            input.sliceSpacing = spacing
            let geometry = input.modelGeometry(for: thin, centre: gridCentre(of: thin))
            return (geometry.dimensions.k, geometry.spacing.z)
        }
        #expect(k(.native) == (101, 0.75))
        #expect(k(.nativeUpTo(millimetres: 2)) == (51, 1.5))
        #expect(k(.nativeUpTo(millimetres: 0.5)) == (101, 0.75))
        #expect(k(.fixed(millimetres: 3)) == (26, 3))
    }

    @Test("averaging over a coarse pixel keeps the mean and removes noise")
    func antialiasing() {
        let fine = grid(256, 256, 2, spacing: Vector3(1, 1, 5))
        var noisy = Volume<Int16>(geometry: fine, repeating: 0)
        var random = SeededRandom(7)
        for n in noisy.voxels.indices { noisy.voxels[n] = Int16(random.normal() * 100) }
        let result = networkInput(ct: noisy, input: Self.input, threads: 1)
        let inner = (20..<44).flatMap { j in (20..<44).map { Double(result[$0, j, 0]) } }
        let mean = inner.reduce(0, +) / Double(inner.count)
        let deviation = (inner.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(inner.count)).squareRoot()
        #expect(abs(mean) < 5)
        // Independent noise of 36 averaged pixels.
        #expect(deviation > 8 && deviation < 25)
    }

    @Test(
        "lines are convolved alike along rows and columns, with the last pixel repeated beyond their ends",
        arguments: [1, 2, 5, 9]
    )
    func convolution(length: Int) {
        let kernel: [Float] = [0.1, 0.25, 0.3, 0.15, 0.2]
        let lines = 3
        let values = (0..<length * lines).map { Float(($0 * 37) % 11) - 4 }
        /// A line of `values` after another, each convolved.
        let expected = (0..<length * lines).map { place -> Float in
            let (line, position) = (place / length, place % length)
            return kernel.indices.reduce(0) { sum, tap in
                sum + kernel[tap] * values[line * length + min(max(position + tap - 2, 0), length - 1)]
            }
        }
        var rows = [Float](repeating: .nan, count: values.count)
        convolve(values, into: &rows, kernel, length: length, step: 1, lines: lines, lineStep: length)
        #expect(rows == expected)
        let turned = (0..<values.count).map { values[$0 % lines * length + $0 / lines] }
        var columns = [Float](repeating: .nan, count: values.count)
        convolve(turned, into: &columns, kernel, length: length, step: lines, lines: lines, lineStep: 1)
        #expect((0..<values.count).map { columns[$0 % length * lines + $0 / length] } == expected)
    }
}
