import Segmentation
import Testing

@Suite("Which structures are compared")
struct StructurePairingTests {
    typealias Pair = StructurePairing.Pair
    private let own = ["Lung_L", "Lung_R", "Lungs"]
    private let unions = [(name: "Lungs", members: ["Lung_L", "Lung_R"])]

    @Test("a union that the reference lacks is compared with the union of its parts")
    func unionOfReference() {
        let pairing = StructurePairing(reference: ["RIGHT LUNG", "Heart", "lung lt"], prediction: own, unions: unions)
        #expect(
            pairing.pairs == [
                Pair(reference: [0], prediction: [1]), Pair(reference: [2], prediction: [0]),
                Pair(reference: [2, 0], prediction: [2]),
            ]
        )
        #expect(pairing.unmatchedReference == [1] && pairing.unmatchedPrediction.isEmpty)
    }

    @Test("a part has no partner where the other side has only the union")
    func partsOfUnion() {
        let pairing = StructurePairing(reference: ["Total Lung"], prediction: own, unions: unions)
        #expect(pairing.pairs == [Pair(reference: [0], prediction: [2])])
        #expect(pairing.unmatchedPrediction == [0, 1])
    }

    @Test("a union is compared with the parts of the prediction, too", arguments: [["Lungs"], ["Lungs", "Lung_L"]])
    func unionOfPrediction(_ reference: [String]) {
        let pairing = StructurePairing(reference: reference, prediction: ["Lung_R", "Lung_L"])
        #expect(pairing.pairs.last == Pair(reference: [0], prediction: [1, 0]))
        #expect(pairing.unmatchedReference.isEmpty)
        #expect(pairing.unmatchedPrediction == (reference.count == 1 ? [0, 1] : [0]))
    }

    @Test("half of a union is no union")
    func halves() {
        let pairing = StructurePairing(reference: ["Lung_L", "Kidney_R"], prediction: ["Lungs", "Kidneys"])
        #expect(pairing.pairs.isEmpty)
        #expect(pairing.unmatchedReference == [0, 1] && pairing.unmatchedPrediction == [0, 1])
    }

    @Test("a plural stands for left and right of any organ; every other word must agree")
    func plurals() {
        let pairing = StructurePairing(
            reference: ["Kidneys", "Lungs_PTV", "Femur Heads"],
            prediction: ["Kidney_L", "Kidney_R", "Lung_L", "Lung_R", "Femur_Head_L", "Femur_Head_R"]
        )
        #expect(
            pairing.pairs == [
                Pair(reference: [0], prediction: [0, 1]), Pair(reference: [2], prediction: [4, 5]),
            ]
        )
        #expect(pairing.unmatchedReference == [1])
    }

    @Test("a union of a model is that of its description, whatever it is called")
    func describedUnion() {
        let pairing = StructurePairing(
            reference: ["Heart", "Lung_L"],
            prediction: ["Lung_L", "Heart", "Thorax"],
            unions: [(name: "Thorax", members: ["Lung_L", "Heart"])]
        )
        #expect(pairing.pairs.last == Pair(reference: [1, 0], prediction: [2]))
    }
}
