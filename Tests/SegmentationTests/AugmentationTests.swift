import Segmentation
import Testing

@Suite("Augmentation")
struct AugmentationTests {
    @Test("augmentation turns and stretches but never mirrors")
    func neverMirrored() {
        var random = SeededRandom(3)
        let recipe = TrainingConfiguration.lungs
        for _ in 0..<500 {
            let change = Augmentation(recipe.augmentation, input: recipe.input, random: &random)
            let m = change.matrix
            #expect(m.0 * m.3 - m.1 * m.2 > 0)
            #expect(m.0 > 0 && m.3 > 0)
        }
    }

    @Test("a half of a patient is one side, cut near the midline, and each side comes")
    func halves() {
        var random = SeededRandom(5)
        let recipe = TrainingConfiguration.lungs
        var half = AugmentationConfiguration.none
        half.halfProbability = 1
        let (columns, rows) = (recipe.input.columns, recipe.input.rows)
        let middle = Float(columns - 1) / 2
        var sides: [Bool] = []
        for _ in 0..<200 {
            let change = Augmentation(half, input: recipe.input, random: &random)
            let row = (0..<columns).filter { !change.isTruncated($0, rows / 2) }
            let shown = row.map { change.source($0, rows / 2, columns: columns, rows: rows, margin: 0).0 - middle }
            guard let low = shown.min(), let high = shown.max() else {
                Issue.record("nothing is shown")
                continue
            }
            // The cut lies at most 40 mm from the midline; the other edge is far out.
            let millimetres = Float(recipe.input.pixelSpacingMM)
            let isRightSide = high > -low
            sides.append(isRightSide)
            #expect(abs(isRightSide ? low : high) * millimetres <= 43)
            #expect((isRightSide ? high : -low) * millimetres > 120)
        }
        #expect(Set(sides) == [true, false])
    }
}
